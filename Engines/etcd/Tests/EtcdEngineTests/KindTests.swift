import Testing

@testable import EtcdEngine

@Suite struct KindTests {
  @Test func exclusiveEntersAlone() {
    #expect(Kind.exclusive.mayEnter(behind: []))
    #expect(!Kind.exclusive.mayEnter(behind: [.shared]))
  }
}
