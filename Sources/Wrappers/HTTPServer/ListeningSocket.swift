import CMicroHTTPD
import Glibc

/// A listening TCP socket; thread-confined to the supervisor once the server runs.
struct ListeningSocket: ~Copyable {
  let descriptor: Int32
  let port: Int

  private static let backlog: Int32 = 1024

  /// - Throws: `invalidAddress`, `addressInUse`, `cannotListen`.
  init(address: String, port: Int) throws(HTTPServerError) {
    guard var endpoint = Self.endpoint(address, port) else { throw .invalidAddress(address) }
    let family = Int32(endpoint.storage.ss_family)
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let descriptor = socket(family, type | Int32(SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else {
      throw .cannotListen(address: address, port: port, code: errno)
    }
    var isDone = false
    defer { if !isDone { Glibc.close(descriptor) } }
    Self.enable(descriptor, SOL_SOCKET, SO_REUSEADDR)
    if family == AF_INET6 {
      Self.enable(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY)
    }
    let bound = withUnsafePointer(to: &endpoint.storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, endpoint.length)
      }
    }
    guard bound == 0, listen(descriptor, Self.backlog) == 0 else {
      let code = errno
      throw code == EADDRINUSE
        ? .addressInUse(address: address, port: port)
        : .cannotListen(address: address, port: port, code: code)
    }
    guard let actual = Self.boundPort(descriptor) else {
      throw .cannotListen(address: address, port: port, code: errno)
    }
    self.descriptor = descriptor
    self.port = actual
    isDone = true
  }

  deinit {
    Glibc.close(descriptor)
  }

  /// Takes one waiting connection; nil when there is none, or the system is short of descriptors.
  func accept(_ peer: inout sockaddr_storage, _ length: inout socklen_t) -> Int32? {
    length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let accepted = withUnsafeMutablePointer(to: &peer) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        accept4(
          descriptor, $0, &length,
          Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue))
      }
    }
    guard accepted >= 0 else { return nil }
    Self.enable(accepted, Int32(IPPROTO_TCP), TCP_NODELAY)
    return accepted
  }

  private static func enable(_ descriptor: Int32, _ level: Int32, _ option: Int32) {
    var on: Int32 = 1
    _ = setsockopt(descriptor, level, option, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  private static func endpoint(_ address: String, _ port: Int)
    -> (storage: sockaddr_storage, length: socklen_t)?
  {
    guard let port = UInt16(exactly: port) else { return nil }
    var storage = sockaddr_storage()
    return withUnsafeMutableBytes(of: &storage) { bytes -> socklen_t? in
      var ipv4 = in_addr()
      var ipv6 = in6_addr()
      if inet_pton(AF_INET, address, &ipv4) == 1 {
        let value = sockaddr_in(
          sin_family: sa_family_t(AF_INET), sin_port: port.bigEndian, sin_addr: ipv4,
          sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
        bytes.storeBytes(of: value, as: sockaddr_in.self)
        return socklen_t(MemoryLayout<sockaddr_in>.size)
      }
      if inet_pton(AF_INET6, address, &ipv6) == 1 {
        let value = sockaddr_in6(
          sin6_family: sa_family_t(AF_INET6), sin6_port: port.bigEndian, sin6_flowinfo: 0,
          sin6_addr: ipv6, sin6_scope_id: 0)
        bytes.storeBytes(of: value, as: sockaddr_in6.self)
        return socklen_t(MemoryLayout<sockaddr_in6>.size)
      }
      return nil
    }.map { (storage, $0) }
  }

  private static func boundPort(_ descriptor: Int32) -> Int? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    guard result == 0 else { return nil }
    let isIPv6 = Int32(storage.ss_family) == AF_INET6
    return withUnsafeBytes(of: &storage) { bytes in
      let port =
        isIPv6
        ? bytes.load(as: sockaddr_in6.self).sin6_port : bytes.load(as: sockaddr_in.self).sin_port
      return Int(UInt16(bigEndian: port))
    }
  }
}
