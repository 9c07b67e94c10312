import Glibc
import Synchronization

/// A TCP server on loopback that answers each request with exactly the bytes a test wants, so that
/// a client meets what a correct server never sends. Its threads end with their connections.
final class ScriptedServer: Sendable {
  struct Request: Sendable {
    /// 0 for the first connection accepted.
    var connection: Int
    /// The request line and header lines.
    var lines: [String]
    var body: [UInt8]

    func header(_ name: String) -> String? {
      let prefix = name.lowercased() + ":"
      return lines.dropFirst().first { $0.lowercased().hasPrefix(prefix) }
        .map { String($0.dropFirst(prefix.count)).trimmingSpaces() }
    }
  }

  enum Answer: Sendable {
    case bytes(String)
    case bytesThenClose(String)
    case closeAtOnce
    /// Keeps the connection open and never answers.
    case silence
  }

  struct SetupFailure: Error {
    var step: String
  }

  let port: Int
  private let listener: Int32
  private let seen = Mutex<[Request]>([])
  private let answer: @Sendable (Request) -> Answer

  init(_ answer: @escaping @Sendable (Request) -> Answer) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard listener >= 0 else { throw SetupFailure(step: "socket") }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        bind(listener, generic, length) == 0 && listen(listener, 64) == 0
          && getsockname(listener, generic, &length) == 0
      }
    }
    guard status else {
      Glibc.close(listener)
      throw SetupFailure(step: "bind")
    }
    self.listener = listener
    self.answer = answer
    port = Int(UInt16(bigEndian: address.sin_port))
    detachThread { [self] in accept() }
  }

  var url: String { "http://127.0.0.1:\(port)" }

  var requests: [Request] { seen.withLock { $0 } }

  func stop() {
    shutdown(listener, Int32(SHUT_RDWR))
  }

  private func accept() {
    var connection = 0
    while true {
      let descriptor = Glibc.accept(listener, nil, nil)
      guard descriptor >= 0 else { break }
      let number = connection
      connection += 1
      detachThread { [self] in serve(descriptor, connection: number) }
    }
    Glibc.close(listener)
  }

  private func serve(_ descriptor: Int32, connection: Int) {
    defer { Glibc.close(descriptor) }
    var pending: [UInt8] = []
    while let request = Self.readRequest(descriptor, &pending, connection: connection) {
      seen.withLock { $0.append(request) }
      switch answer(request) {
      case .bytes(let text):
        guard Self.send(text, to: descriptor) else { return }
      case .bytesThenClose(let text):
        _ = Self.send(text, to: descriptor)
        return
      case .closeAtOnce:
        return
      case .silence:
        // Until the client goes away.
        var byte: UInt8 = 0
        while recv(descriptor, &byte, 1, 0) > 0 {}
        return
      }
    }
  }

  private static func send(_ text: String, to descriptor: Int32) -> Bool {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      bytes = bytes.dropFirst(count)
    }
    return true
  }

  private static func readRequest(
    _ descriptor: Int32, _ pending: inout [UInt8], connection: Int
  ) -> Request? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      if let head = endOfHead(pending) {
        let text = String(decoding: pending[..<head], as: UTF8.self)
        let lines = text.split(separator: "\r\n").map(String.init)
        var request = Request(connection: connection, lines: lines, body: [])
        let length = request.header("content-length").flatMap { Int($0) } ?? 0
        if pending.count >= head + 4 + length {
          request.body = Array(pending[(head + 4)..<(head + 4 + length)])
          pending.removeFirst(head + 4 + length)
          return request
        }
      }
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      pending.append(contentsOf: buffer[..<count])
    }
  }

  private static func endOfHead(_ bytes: [UInt8]) -> Int? {
    guard bytes.count >= 4 else { return nil }
    return (0...(bytes.count - 4)).first {
      bytes[$0] == 13 && bytes[$0 + 1] == 10 && bytes[$0 + 2] == 13 && bytes[$0 + 3] == 10
    }
  }
}

extension String {
  fileprivate func trimmingSpaces() -> String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}

private final class ThreadBody {
  let run: @Sendable () -> Void

  init(_ run: @escaping @Sendable () -> Void) {
    self.run = run
  }
}

private func detachThread(_ run: @escaping @Sendable () -> Void) {
  let context = Unmanaged.passRetained(ThreadBody(run))
  var thread = pthread_t()
  let status = pthread_create(
    &thread, nil,
    { context in
      guard let context else { return nil }
      Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
      return nil
    }, context.toOpaque())
  precondition(status == 0, "a test server needs a thread")
  pthread_detach(thread)
}
