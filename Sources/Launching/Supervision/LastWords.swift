internal import CSystem

/// What a process writes that a signal ends while it waits (`exitOnTerminationSignals`), with one write(2): three
/// texts, the exit status between the first two, and between the last two the seconds that have passed. All of it
/// is there before, since a handler may not ask for memory.
package struct LastWords {
  private let descriptor: Int32
  private let texts: (Text, Text, Text)
  private let begin: BootTime
  /// Whether anything more is to be written, by whichever process.
  private let areSaid: UnsafeMutablePointer<Int64>
  private let process = getpid()
  private let line: UnsafeMutablePointer<UInt8>

  private typealias Text = UnsafeMutableBufferPointer<UInt8>
  private static let longestNumber = 24

  // Never freed: the process ends with them, or soon afterwards.
  private init(
    _ descriptor: Int32, _ texts: (ArraySlice<UInt8>, ArraySlice<UInt8>, ArraySlice<UInt8>),
    since begin: BootTime, unless areSaid: SharedNumber
  ) {
    func kept(_ bytes: ArraySlice<UInt8>) -> Text {
      let text = Text.allocate(capacity: bytes.count)
      _ = text.initialize(from: bytes)
      return text
    }
    self.descriptor = descriptor
    self.texts = (kept(texts.0), kept(texts.1), kept(texts.2))
    self.begin = begin
    self.areSaid = areSaid.address
    line = .allocate(
      capacity: texts.0.count + texts.1.count + texts.2.count + 2 * Self.longestNumber)
  }

  /// From here on they are this process's; those that it forks have none. `areSaid`, which has to live as long as
  /// the process, becomes 1 when they are written, and is so where they are not to be.
  package static func are(
    _ first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8>, _ third: ArraySlice<UInt8>,
    to descriptor: Int32, since begin: BootTime, unless areSaid: SharedNumber
  ) {
    let words = UnsafeMutablePointer<LastWords>.allocate(capacity: 1)
    words.initialize(
      to: LastWords(descriptor, (first, second, third), since: begin, unless: areSaid))
    lastWords = words
  }

  package static func areNone() { lastWords = nil }

  /// In a handler, just before the exit.
  static func write(_ status: Int32) {
    guard let words = lastWords, getpid() == words.pointee.process else { return }
    words.pointee.write(status)
  }

  private func write(_ status: Int32) {
    if csystem_load(areSaid) != 0 { return }
    csystem_store(areSaid, 1)
    // Nobody may read it, or the file may be as long as it can be: the exit status stays.
    csystem_set_handler(SIGPIPE) { _ in }
    csystem_set_handler(SIGXFSZ) { _ in }
    var count = 0
    append(texts.0, &count)
    count += writeDigits(UInt64(status), to: line + count)
    append(texts.1, &count)
    count += (BootTime.now - begin).writeSeconds(to: line + count)
    append(texts.2, &count)
    _ = CSystem.write(descriptor, line, count)
  }

  private func append(_ text: Text, _ count: inout Int) {
    memcpy(line + count, text.baseAddress!, text.count)
    count += text.count
  }
}

nonisolated(unsafe) private var lastWords: UnsafeMutablePointer<LastWords>?
