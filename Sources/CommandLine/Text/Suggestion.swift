internal import SystemInterface

/// The one of `candidates` that `word` was probably meant to be.
func suggestion(for word: ByteString, from candidates: [Literal]) -> ByteString? {
  suggestion(for: word, among: candidates.map { ByteString(literal: $0) })
}

/// The same of names that are not known beforehand.
func suggestion(for word: ByteString, among candidates: [ByteString]) -> ByteString? {
  var best: ByteString?
  var smallest = 3
  for candidate in candidates {
    let name = candidate.bytes
    if word.count >= 3, candidate.hasPrefix(word) { return candidate }
    let distance = editDistance(Array(word.bytes.prefix(64)), Array(name))
    // Two changes make almost any short word out of any other.
    if distance < smallest, distance * 3 <= name.count {
      smallest = distance
      best = candidate
    }
  }
  return best
}

/// Insertions, deletions, substitutions and swaps of neighbours that make `left` of `right`
/// (Damerau-Levenshtein distance, optimal string alignment).
func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
  var beforeLast: [Int] = []
  var last = Array(0...right.count)
  for row in 0..<left.count {
    var current = [row + 1]
    for column in 0..<right.count {
      let substitution = last[column] + (left[row] == right[column] ? 0 : 1)
      var distance = min(substitution, last[column + 1] + 1, current[column] + 1)
      if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
        distance = min(distance, beforeLast[column - 1] + 1)
      }
      current.append(distance)
    }
    beforeLast = last
    last = current
  }
  return last[right.count]
}
