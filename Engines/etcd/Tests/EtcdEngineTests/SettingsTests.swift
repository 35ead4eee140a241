import Testing

@testable import EtcdEngine

@Suite struct SettingsTests {
  private func settings(_ variables: [String: String]) throws -> Settings {
    try Settings(
      Dictionary(
        uniqueKeysWithValues: variables.map { (Bytes(text: $0.key), Bytes(text: $0.value)) }))
  }

  @Test func defaultIsTheLocalNode() throws {
    let settings = try settings([:])
    #expect(settings.endpoints == ["http://127.0.0.1:2379"])
    #expect(settings.user == nil && !settings.skipsVerification)
  }

  @Test func endpointsHaveTheirSchemes() throws {
    let named = "a:1, http://b:2/,https://c:3,[::1]:4"
    #expect(
      try settings(["ETCDCTL_ENDPOINTS": named]).endpoints
        == ["http://a:1", "http://b:2", "https://c:3", "http://[::1]:4"])
    let readable = "/dev/null"
    for name in ["ETCDCTL_CACERT", "ETCDCTL_CERT", "ETCDCTL_KEY"] {
      #expect(
        try settings(["ETCDCTL_ENDPOINTS": named, name: readable]).endpoints
          == ["https://a:1", "http://b:2", "https://c:3", "https://[::1]:4"])
    }
    // That is not to do TLS, but how.
    #expect(
      try settings(["ETCDCTL_ENDPOINTS": named, "ETCDCTL_INSECURE_SKIP_TLS_VERIFY": "true"])
        .endpoints[0] == "http://a:1")
  }

  @Test func endpointsWithoutAPortHaveEtcdsOwn() throws {
    #expect(
      try settings(["ETCDCTL_ENDPOINTS": "a,https://b/,[fe80::1%25eth0],my_host.x-y:65535"])
        .endpoints
        == [
          "http://a:2379", "https://b:2379", "http://[fe80::1%25eth0]:2379",
          "http://my_host.x-y:65535",
        ])
  }

  @Test(arguments: [
    "a:", "a:x", "a:0", "a:65536", "a:-1", "a:1:2", ":1", "http://", "http://:1", "::1", "[::1",
    "[::1]1",
    "[]:1", "[a]:1", "a]:1", "a b\\:1", "u@a:1", "a:1/p", "a?x", "ftp://a:1", "a%41:1",
  ])
  func endpointsThatAreNone(_ endpoint: String) {
    #expect(throws: Failure.self) { try settings(["ETCDCTL_ENDPOINTS": "good:1,\(endpoint)"]) }
  }

  @Test func passwordIsBehindTheUserOrApart() throws {
    let together = try settings(["ETCDCTL_USER": "a:b:c", "ETCDCTL_PASSWORD": "other"])
    #expect(together.user == Bytes(text: "a") && together.password == Bytes(text: "b:c"))
    let apart = try settings(["ETCDCTL_USER": "a", "ETCDCTL_PASSWORD": "b"])
    #expect(apart.user == Bytes(text: "a") && apart.password == Bytes(text: "b"))
  }

  @Test func fileIsLinesOfVariables() {
    let text = "# x\n\n export A = 1 \nB='q \"'\nC=\nA=2\n=3\nD=\"\nE"
    let found = SettingsFile.variables(in: Bytes(text: text))
    #expect(
      found == [
        Bytes(text: "A"): Bytes(text: "2"), Bytes(text: "B"): Bytes(text: "q \""),
        Bytes(text: "D"): Bytes(text: "\""),
      ])
  }

  @Test func endpointsTakeTurns() {
    var endpoints = Endpoints(count: 3, start: 7)
    #expect(endpoints.current == 1)
    #expect(endpoints.failed(1, .other) == .milliseconds(20))
    // Another lane's call, which went to the same one.
    #expect(endpoints.failed(1, .other) == .milliseconds(20))
    #expect(endpoints.current == 2)
    #expect(endpoints.failed(2, .certificate) == .milliseconds(200))
    #expect(endpoints.allFailed && endpoints.distrusted == [2])
    endpoints.answered()
    #expect(!endpoints.allFailed && endpoints.distrusted.isEmpty)
  }
}
