internal import CSystem
import CommandLine

@main
struct Main {
  static func main() {
    exit(runSwlock())
  }
}
