import SystemInterface
import Testing

@testable import CommandLine

@Suite struct ShellTextTests {
  @Test(arguments: [
    "swlock acquire L", "\"$S\" acquire L", "exec swlock acquire L", "swlock acquire L || exit 1",
    "swlock acquire L || { echo busy; exit 1; }", "swlock acquire L || (echo busy; exit 1)",
    "cd /tmp && swlock acquire L # and no more", "swlock acquire L;", "swlock acquire L\n\n",
    "{ swlock acquire L; }", "(swlock acquire L)", "swlock acquire L >/dev/null 2>&1",
    "swlock acquire L &>/dev/null", "swlock acquire 'a; b'", "x=$(swlock acquire L) || exit 1",
    "swlock acquire \"a && b\" || echo 'no; no'", "swlock acquire a\\;b",
  ])
  func nothingFollows(_ text: String) {
    #expect(ShellText(ByteString(text)).ends(with: "acquire"))
  }

  @Test(arguments: [
    "swlock acquire L; work", "swlock acquire L && work", "swlock acquire L | cat",
    "swlock acquire L & wait", "swlock acquire L\nwork", "if swlock acquire L; then work; fi",
    "swlock acquire L || exit 1; work", "swlock acquire L || { exit 1; }; work",
    "swlock acquire A && swlock acquire B", "\"$@\"", "", "swlock release L", "'swlock acquire L'",
    "swlock acquire L || exit; . ./rest", "{ swlock acquire L; } | cat",
  ])
  func somethingFollows(_ text: String) {
    #expect(!ShellText(ByteString(text)).ends(with: "acquire"))
  }
}
