internal import SystemInterface

extension OptionIdentity {
  /// What works, where this option and another one exclude each other; nil where that is plain.
  func wayOut(of other: OptionIdentity) -> Literal? {
    switch (self, other) {
    case (.queue, .nonblock): "--queue=0 does not wait either, nor does it overtake who waits"
    case (.queue, .range): "each part that has a queue needs a lock file of its own"
    case (.replace, .queue): "--replace=waiting has at most one wait, the newest"
    case (.slots, .shared): "to let in any number, --shared alone"
    case (.slots, .range): "a slot is a byte of the file already"
    case (.slots, .reentrant): "who has a slot is told so by SWLOCK_SLOT"
    case (.replace, .slots): "to end who has slots, swlock break --kill"
    case (.replace, .nonblock):
      "it waits until those have ended whom it ends, at most as long as -w says"
    case (.replace, .shared): "the newest has the lock alone"
    case (.replace, .range): "each part needs a lock file of its own"
    case (.replace, .reentrant):
      "an ancestor is not ended, --reentrant alone goes on under its lock"
    default: nil
    }
  }
}

extension GivenOption {
  /// Whether `word`, which came after it, may have been meant as its value.
  func couldHave(_ word: ByteString) -> Bool {
    guard value.isEmpty else { return false }
    return switch row.value {
    case .optionalNumber: parseNumber(word.bytes) != nil
    case .optionalReplaced: word == "waiting"
    default: false
    }
  }
}
