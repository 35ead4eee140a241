import EtcdEngine
import Glibc

// Not CommandLine.arguments: names are bytes, and those need not be UTF-8.
exit(
  Engine.run(
    (0..<Int(CommandLine.argc)).map { index in
      guard let word = CommandLine.unsafeArgv[index] else { return [] }
      return Array(UnsafeBufferPointer(start: word, count: strlen(word)).map(UInt8.init(bitPattern:)))
    }))
