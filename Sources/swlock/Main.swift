import CommandLine
internal import CSystem

@main
struct Main {
  static func main() {
    exit(runSwlock())
  }
}
