import Testing

@testable import EtcdEngine

@Suite struct KindTests {
  @Test func exclusiveEntersAlone() {
    #expect(Kind.exclusive.mayEnter(behind: []))
    for ahead: Kind? in [.exclusive, .shared, .slots(2), nil] {
      #expect(!Kind.exclusive.mayEnter(behind: [ahead]))
    }
  }

  @Test func sharedEntersBehindShared() {
    #expect(Kind.shared.mayEnter(behind: [.shared, .shared]))
    for ahead: Kind? in [.exclusive, .slots(2), nil] {
      #expect(!Kind.shared.mayEnter(behind: [.shared, ahead]))
    }
  }

  @Test func slotsEnterBehindFewerOfTheSame() {
    #expect(Kind.slots(3).mayEnter(behind: [.slots(3), .slots(3)]))
    #expect(!Kind.slots(3).mayEnter(behind: [.slots(3), .slots(3), .slots(3)]))
    for ahead: Kind? in [.exclusive, .shared, .slots(2), nil] {
      #expect(!Kind.slots(3).mayEnter(behind: [ahead]))
    }
  }

  @Test func wordsAreReadExactly() {
    #expect(Kind(Bytes(text: "slots:12")) == .slots(12))
    for word in [
      "", "Shared", "sharedX", "slots:", "slots:0", "slots:-1", "slots:9999999999999999999",
    ] {
      #expect(Kind(Bytes(text: word)) == nil, "\(word)")
    }
  }

  @Test func holdersAreThoseWhoMayEnter() {
    func queue(_ values: [String]) -> [KeyValue] {
      values.enumerated().map {
        KeyValue(
          key: [], value: Bytes(text: $1), created: Int64($0 + 1), modified: 0, lease: Int64($0))
      }
    }
    #expect(holders(in: queue([])) == 0)
    #expect(holders(in: queue(["exclusive host=a", "exclusive host=b"])) == 1)
    #expect(
      holders(in: queue(["shared host=a", "ending shared host=b", "", "shared host=c"])) == 2)
    #expect(holders(in: queue(["slots:2 a", "slots:2 b", "slots:2 c"])) == 2)
    #expect(holders(in: queue(["of another client", "shared"])) == 1)
  }
}
