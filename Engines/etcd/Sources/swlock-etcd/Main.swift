import EtcdEngine

@main
struct Main {
  static func main() { Engine.main() }
}
