/// `lock NAME ttl=S kind=KIND [try] info=TEXT`: what swlock orders.
struct LockOrder: Equatable, Sendable {
  /// etcd's least is 1.5 elections, and none is that long; more than ten years is a mistake.
  static let shortest: Int64 = 1
  static let longest: Int64 = 315_360_000

  var name: Bytes
  /// Seconds.
  var ttl: Int64 = 15
  var kind = Kind.exclusive
  /// Does not wait.
  var isTry = false
  var information = Bytes()

  init(name: Bytes, words: [Bytes]) throws(Failure) {
    self.name = name
    for word in words {
      if let digits = word.after("ttl=") {
        guard let seconds = number(digits, upTo: Self.longest), seconds >= Self.shortest else {
          throw Failure(.usage, "not a lifetime in whole seconds: \(word.text)")
        }
        ttl = seconds
      } else if let text = word.after("kind=") {
        guard let known = Kind(text) else {
          throw Failure(.usage, "etcd has no kind of lock \(text.text)")
        }
        kind = known
      } else if let text = word.after("info=") {
        information = text
      } else if word == Bytes(text: "try") {
        isTry = true
      } else {
        throw Failure(.usage, "not a word of lock: \(word.text)")
      }
    }
  }
}
