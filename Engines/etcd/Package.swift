// swift-tools-version: 6.2
import PackageDescription

// The engine of `swlock -m etcd`, apart from the main package, which needs neither libcurl nor protobuf-c.
// `make etcd` makes what protoc-c makes of Sources/CMessages/messages.proto, and then builds this.
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

let parts: [Target.Dependency] = ["CMessages", "CLibrary", "EtcdEngine"]

let package = Package(
  name: "swlock-etcd",
  products: [.executable(name: "swlock-etcd", targets: ["swlock-etcd"])],
  targets: [
    // protobuf-c is 30 kB of the program, so that whoever installs it needs libcurl only.
    .target(
      name: "CMessages", exclude: ["messages.proto"],
      linkerSettings: [.linkedLibrary(":libprotobuf-c.a")]),
    .target(name: "CLibrary", linkerSettings: [.linkedLibrary("curl")]),
    .target(
      name: "EtcdEngine", dependencies: ["CMessages", "CLibrary"], swiftSettings: settings),
    .executableTarget(
      name: "swlock-etcd", dependencies: ["EtcdEngine"], swiftSettings: settings),
    .testTarget(name: "EtcdEngineTests", dependencies: parts, swiftSettings: settings),
    .testTarget(
      name: "FuzzTests", dependencies: parts, path: "Fuzz",
      exclude: ["LibFuzzer.swift", "corpus", "run"], swiftSettings: settings),
  ]
)

// Fuzz/run: libFuzzer around what reads the server's answers.
if Context.environment["SWLOCK_FUZZ"] != nil {
  package.targets.removeAll { $0.type == .test }
  package.targets.append(
    .executableTarget(
      name: "fuzz", dependencies: parts, path: "Fuzz",
      exclude: ["CorpusTests.swift", "corpus", "run"], swiftSettings: settings))
}
