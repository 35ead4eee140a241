import Foundation
import Testing

/// What libFuzzer has found so far, read again: no crash, and nothing that must not be.
@Suite struct CorpusTests {
  @Test func corpusIsReadWithoutACrash() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "corpus")
    let files = try FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil)
    #expect(!files.isEmpty)
    for file in files {
      #expect(complaint(about: Array(try Data(contentsOf: file))) == nil, "\(file.path())")
    }
  }
}
