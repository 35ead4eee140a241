import CSystem
import Foundation
import TestSupport
import Testing

/// What libFuzzer has found so far, read again: no crash, and nothing that must not be.
@Suite(.takingTurns) struct CorpusTests {
  private static func corpus(of target: FuzzTarget) throws -> [URL] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "corpus/\(target.rawValue)")
    return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
  }

  @Test(arguments: FuzzTarget.allCases)
  func corpusIsReadWithoutACrash(_ target: FuzzTarget) throws {
    let files = try Self.corpus(of: target)
    #expect(!files.isEmpty)
    for file in files {
      #expect(target.complaint(about: Array(try Data(contentsOf: file))) == nil, "\(file.path())")
    }
  }
}
