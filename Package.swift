// swift-tools-version: 6.2
import PackageDescription

// Ordinary Swift, for `swift build`, `swift test` and users of the libraries. `make` builds the same
// sources as Embedded Swift, static, on libc alone: that is the binary that is shipped.
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

let fuzzed: [Target.Dependency] = ["CSystem", "CommandLine", "Locking", "SystemInterface"]

let package = Package(
  name: "swlock",
  products: [
    .library(name: "Locking", targets: ["Locking"]),
    .library(name: "Launching", targets: ["Launching"]),
    .executable(name: "swlock", targets: ["swlock"]),
  ],
  targets: [
    .target(name: "CSystem"),
    .target(name: "SystemInterface", dependencies: ["CSystem"], swiftSettings: settings),
    .target(
      name: "Locking", dependencies: ["CSystem", "SystemInterface"], swiftSettings: settings),
    .target(
      name: "Launching", dependencies: ["CSystem", "SystemInterface"], swiftSettings: settings),
    .target(
      name: "CommandLine",
      dependencies: ["CSystem", "Launching", "Locking", "SystemInterface"],
      swiftSettings: settings),
    .executableTarget(
      name: "swlock", dependencies: ["CommandLine", "CSystem"], swiftSettings: settings),
    .executableTarget(
      name: "swlock-docs", dependencies: ["CommandLine"], swiftSettings: settings),
    .executableTarget(
      name: "contender", dependencies: ["CSystem", "Locking"], path: "bench/Contender",
      swiftSettings: settings),
    .target(
      name: "TestSupport", dependencies: ["CSystem"], path: "Tests/TestSupport",
      swiftSettings: settings),
    .testTarget(
      name: "LockingTests", dependencies: ["CSystem", "Locking", "SystemInterface", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "LaunchingTests",
      dependencies: ["CSystem", "Launching", "SystemInterface", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "CommandLineTests",
      dependencies: ["CSystem", "CommandLine", "Locking", "SystemInterface"],
      swiftSettings: settings),
    .testTarget(
      name: "FuzzTests", dependencies: fuzzed + ["TestSupport"], path: "fuzz",
      exclude: ["LibFuzzer.swift", "corpus", "run"], swiftSettings: settings),
  ]
)

// fuzz/run: the same sources as FuzzTests, with libFuzzer around them.
if Context.environment["SWLOCK_FUZZ"] != nil {
  package.targets.removeAll { $0.type == .test }
  package.targets.append(
    .executableTarget(
      name: "fuzz", dependencies: fuzzed, path: "fuzz",
      exclude: ["CorpusTests.swift", "corpus", "run"], swiftSettings: settings))
}
