/// The numbers from 0 to `count` in the order that `isBefore` says, by heapsort: one function for all
/// that is sorted here, instead of one for each kind of element.
@inline(never)
package func sortedIndices(_ count: Int, by isBefore: (Int, Int) -> Bool) -> [Int] {
  var heap = Array(0..<count)
  var root = count / 2
  var end = count
  while end > 1 {
    if root > 0 {
      root -= 1
    } else {
      end -= 1
      heap.swapAt(0, end)
    }
    // Down, until no child comes after it.
    var parent = root
    while true {
      var child = 2 * parent + 1
      if child >= end { break }
      if child + 1 < end, isBefore(heap[child], heap[child + 1]) { child += 1 }
      if !isBefore(heap[parent], heap[child]) { break }
      heap.swapAt(parent, child)
      parent = child
    }
  }
  return heap
}

/// These numbers from the least to the greatest.
@inline(never)
package func ascending(_ numbers: [UInt64]) -> [UInt64] {
  sortedIndices(numbers.count) { numbers[$0] < numbers[$1] }.map { numbers[$0] }
}

/// The same of numbers of which none is negative.
package func ascending(_ numbers: [Int32]) -> [Int32] {
  ascending(numbers.map { UInt64(UInt32(bitPattern: $0)) }).map { Int32(truncatingIfNeeded: $0) }
}
