import Glibc
import Synchronization

/// A blocking socket client for tests; used on threads of its own only (see `onThread`).
final class RawClient {
  enum Failure: Error {
    case cannotConnect(Int32)
    case disconnected(received: String)
    case timedOut(received: String)
    case malformed(String)
  }

  private(set) var descriptor: Int32
  private var buffer: [UInt8] = []

  /// A test that waits longer has failed; it is no part of any measurement.
  static let patienceSeconds = 30

  init(port: Int, receiveBufferBytes: Int32? = nil, isIPv6: Bool = false) throws {
    descriptor = socket(isIPv6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    if var bytes = receiveBufferBytes {
      _ = setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, 4)
    }
    var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
    _ = setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    _ = setsockopt(
      descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    let result = isIPv6 ? connectIPv6(port) : connectIPv4(port)
    guard result == 0 else {
      let code = errno
      Glibc.close(descriptor)
      descriptor = -1
      throw Failure.cannotConnect(code)
    }
  }

  deinit {
    close()
  }

  private func connectIPv4(_ port: Int) -> Int32 {
    var peer = sockaddr_in(
      sin_family: sa_family_t(AF_INET), sin_port: UInt16(port).bigEndian,
      sin_addr: in_addr(s_addr: UInt32(0x7F00_0001).bigEndian),
      sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
    return withUnsafePointer(to: &peer) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  private func connectIPv6(_ port: Int) -> Int32 {
    var peer = sockaddr_in6(
      sin6_family: sa_family_t(AF_INET6), sin6_port: UInt16(port).bigEndian, sin6_flowinfo: 0,
      sin6_addr: in6addr_loopback, sin6_scope_id: 0)
    return withUnsafePointer(to: &peer) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
      }
    }
  }

  func close() {
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
  }

  func finishSending() {
    _ = shutdown(descriptor, Int32(SHUT_WR))
  }

  /// - Returns: false when the peer has closed or reset the connection.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return false }
      sent += count
    }
    return true
  }

  /// Sends what the system takes at once.
  ///
  /// - Returns: how many bytes that were; 0 when it takes none now, nil when the peer is gone.
  func sendSome(_ bytes: [UInt8]) -> Int? {
    let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
    let count = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress!, $0.count, flags) }
    if count < 0, errno == EAGAIN { return 0 }
    return count < 0 ? nil : count
  }

  /// - Returns: false when the system took nothing for as long as a test is patient.
  func waitUntilItTakesMore() -> Bool {
    var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    return poll(&wanted, 1, Int32(Self.patienceSeconds) * 1_000) == 1
  }

  @discardableResult
  func send(_ text: String) -> Bool {
    send(Array(text.utf8))
  }

  /// Reads more into the buffer; false at the end of the connection.
  private func readMore() throws -> Bool {
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    let count = recv(descriptor, &piece, piece.count, 0)
    if count > 0 {
      buffer.append(contentsOf: piece[..<count])
      return true
    }
    if count < 0, errno == EAGAIN { throw Failure.timedOut(received: text(buffer)) }
    return false
  }

  private func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.prefix(2_000), as: UTF8.self)
  }

  /// Takes the bytes up to and including the mark.
  private func take(through mark: String) throws -> [UInt8] {
    let wanted = Array(mark.utf8)
    var from = 0
    while true {
      if let end = find(wanted, from: from) {
        let taken = Array(buffer[..<end])
        buffer.removeFirst(end)
        return taken
      }
      from = max(0, buffer.count - wanted.count)
      guard try readMore() else { throw Failure.disconnected(received: text(buffer)) }
    }
  }

  private func find(_ wanted: [UInt8], from: Int) -> Int? {
    guard buffer.count >= wanted.count else { return nil }
    var index = from
    while index + wanted.count <= buffer.count {
      if buffer[index] == wanted[0], buffer[index..<(index + wanted.count)].elementsEqual(wanted) {
        return index + wanted.count
      }
      index += 1
    }
    return nil
  }

  private func take(_ count: Int) throws -> [UInt8] {
    while buffer.count < count {
      guard try readMore() else { throw Failure.disconnected(received: text(buffer)) }
    }
    let taken = Array(buffer[..<count])
    buffer.removeFirst(count)
    return taken
  }

  /// Everything up to the end of the connection.
  func readToEnd() throws -> [UInt8] {
    while try readMore() {}
    defer { buffer = [] }
    return buffer
  }

  /// Whether the connection ends without another byte.
  func isAtEnd() throws -> Bool {
    guard buffer.isEmpty else { return false }
    return try !readMore()
  }

  func readHead() throws -> RawAnswerHead {
    try RawAnswerHead(String(decoding: take(through: "\r\n\r\n"), as: UTF8.self))
  }

  /// Reads one whole answer.
  func readAnswer(toHead isHead: Bool = false) throws -> RawClientAnswer {
    let head = try readHead()
    if isHead || head.status == 204 || head.status == 304 || head.status < 200 {
      return RawClientAnswer(head: head, body: [])
    }
    if head.fields["transfer-encoding"] == "chunked" {
      var body: [UInt8] = []
      while let chunk = try readChunk() { body += chunk }
      return RawClientAnswer(head: head, body: body, trailers: try readTrailers())
    }
    guard let length = head.fields["content-length"].flatMap({ Int($0) }) else {
      return RawClientAnswer(head: head, body: try readToEnd())
    }
    return RawClientAnswer(head: head, body: try take(length))
  }

  /// One chunk of a chunked body; nil after the final chunk's size line.
  func readChunk() throws -> [UInt8]? {
    let line = String(decoding: try take(through: "\r\n").dropLast(2), as: UTF8.self)
    guard let size = Int(line, radix: 16) else { throw Failure.malformed(line) }
    if size == 0 { return nil }
    let chunk = try take(size)
    _ = try take(2)
    return chunk
  }

  func readTrailers() throws -> [String: String] {
    var trailers: [String: String] = [:]
    while true {
      let line = String(decoding: try take(through: "\r\n").dropLast(2), as: UTF8.self)
      if line.isEmpty { return trailers }
      let (name, value) = try RawAnswerHead.field(line)
      trailers[name] = value
    }
  }
}

struct RawAnswerHead {
  let status: Int
  let fields: [String: String]
  let fieldNames: [String]

  init(_ text: String) throws {
    var lines = text.split(separator: "\r\n", omittingEmptySubsequences: true).map(String.init)
    let parts = lines.removeFirst().split(separator: " ")
    guard parts.count >= 2, parts[0] == "HTTP/1.1" || parts[0] == "HTTP/1.0",
      let status = Int(parts[1])
    else { throw RawClient.Failure.malformed(text) }
    self.status = status
    let pairs = try lines.map(Self.field)
    fieldNames = pairs.map(\.0)
    fields = Dictionary(pairs, uniquingKeysWith: { first, _ in first })
  }

  static func field(_ line: String) throws -> (String, String) {
    guard let colon = line.firstIndex(of: ":") else { throw RawClient.Failure.malformed(line) }
    let value = line[line.index(after: colon)...].drop { $0 == " " }
    return (line[..<colon].lowercased(), String(value))
  }
}

struct RawClientAnswer {
  let head: RawAnswerHead
  let body: [UInt8]
  var trailers: [String: String] = [:]

  var status: Int { head.status }
  var text: String { String(decoding: body, as: UTF8.self) }
}
