import Glibc
import Runtime

/// Bytes to the server and back, for requests that no proper client would send.
///
/// Blocks its thread: used inside `RawConnection.run` alone.
final class RawConnection {
  struct Failure: Error { let code: Int32 }

  private static let executor = Result {
    try BlockingExecutor(name: "test-raw", threadCount: 8, queueLimit: 1_000)
  }

  private let descriptor: Int32

  /// Opens a connection on a thread that may block, and closes it after the body.
  static func run<Value: Sendable>(
    to server: ServerProcess, _ body: @escaping @Sendable (RawConnection) throws -> Value
  ) async throws -> Value {
    let port = server.port
    return try await executor.get().run { try body(RawConnection(port: port)) }
  }

  /// Sends the text and gives everything that comes back until the server closes.
  static func exchange(_ server: ServerProcess, _ bytes: [UInt8]) async throws -> RawAnswer {
    try await run(to: server) { connection in
      connection.send(bytes)
      return RawAnswer(connection.readToEnd())
    }
  }

  private init(port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
    }
    var peer = sockaddr_in()
    peer.sin_family = sa_family_t(AF_INET)
    peer.sin_port = UInt16(port).bigEndian
    peer.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
    let result = withUnsafePointer(to: &peer) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else {
      let code = errno
      close(descriptor)
      throw Failure(code: code)
    }
  }

  deinit { close(descriptor) }

  /// - Returns: false when the server has closed the connection.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.send(
          descriptor, buffer.baseAddress.map { $0 + sent }, bytes.count - sent,
          Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return false }
      sent += count
    }
    return true
  }

  @discardableResult
  func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  func readToEnd() -> [UInt8] {
    var bytes: [UInt8] = []
    while let more = read() { bytes += more }
    return bytes
  }

  /// What has come, or nil at the end of the connection.
  func read() -> [UInt8]? {
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    let count = recv(descriptor, &piece, piece.count, 0)
    return count > 0 ? Array(piece[..<count]) : nil
  }
}

/// An answer as it came over the wire.
struct RawAnswer: Sendable {
  let status: Int
  let text: String

  init(_ bytes: [UInt8]) {
    text = String(decoding: bytes, as: UTF8.self)
    status = Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0
  }
}
