import CMicroHTTPD
import Glibc

// What the library calls, on its own threads. All state comes from the context pointers: the server
// outlives the library's threads, a connection is retained from its start to its close, an exchange
// from its request line to its completion.

private typealias ConnectionCallback =
  @convention(c) (
    UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    MHD_ConnectionNotificationCode
  ) -> Void

private typealias RequestLineCallback =
  @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?) ->
  UnsafeMutableRawPointer?

private typealias CompletedCallback =
  @convention(c) (
    UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    MHD_RequestTerminationCode
  ) -> Void

/// Callbacks as the option array takes them.
struct MHDCallbackAddresses {
  let connection: Int
  let requestLine: Int
  let completed: Int

  init() {
    let connection: ConnectionCallback = onConnection
    let requestLine: RequestLineCallback = onRequestLine
    let completed: CompletedCallback = onCompleted
    self.connection = unsafeBitCast(connection, to: Int.self)
    self.requestLine = unsafeBitCast(requestLine, to: Int.self)
    self.completed = unsafeBitCast(completed, to: Int.self)
  }
}

private func onConnection(
  context: UnsafeMutableRawPointer?, handle: OpaquePointer?,
  socketContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
  code: MHD_ConnectionNotificationCode
) {
  guard let context, let handle, let socketContext else { return }
  let server = Unmanaged<ServerCore>.fromOpaque(context).takeUnretainedValue()
  switch code {
  case .CONNECTION_NOTIFY_STARTED:
    let connection = Connection(
      server: server, handle: MHDConnection(pointer: handle),
      descriptor: duckmesh_mhd_connection_fd(handle))
    server.connections.add(connection)
    socketContext.pointee = Unmanaged.passRetained(connection).toOpaque()
  case .CONNECTION_NOTIFY_CLOSED:
    guard let retained = socketContext.pointee else { return }
    socketContext.pointee = nil
    let connection = Unmanaged<Connection>.fromOpaque(retained).takeRetainedValue()
    if let duplicate = connection.close() { server.lingerOn(duplicate) }
    server.connections.remove(connection)
    if server.isStopping { server.wakeup.signal() }
  @unknown default: break
  }
}

/// The first sight of a request; what it returns becomes the request's context pointer.
private func onRequestLine(
  context: UnsafeMutableRawPointer?, target: UnsafePointer<CChar>?, handle: OpaquePointer?
) -> UnsafeMutableRawPointer? {
  guard let handle, let socketContext = duckmesh_mhd_socket_context(handle) else { return nil }
  let connection = Unmanaged<Connection>.fromOpaque(socketContext).takeUnretainedValue()
  let raw = target.map { [UInt8](UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? []
  let exchange = Exchange(connection: connection, rawTarget: raw)
  connection.begin(exchange)
  return Unmanaged.passRetained(exchange).toOpaque()
}

private func onCompleted(
  context: UnsafeMutableRawPointer?, handle: OpaquePointer?,
  requestContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
  code: MHD_RequestTerminationCode
) {
  guard let handle, let retained = requestContext?.pointee else { return }
  requestContext?.pointee = nil
  let exchange = Unmanaged<Exchange>.fromOpaque(retained).takeRetainedValue()
  let queuedStatus = MHDConnection(pointer: handle).queuedStatus
  exchange.completed(CompletionReason(code, queuedStatus: queuedStatus))
}

/// Called with the head alone, then for each piece of the body, then without a piece until there
/// is an answer.
func onAccess(
  context: UnsafeMutableRawPointer?, handle: OpaquePointer?, url: UnsafePointer<CChar>?,
  method: UnsafePointer<CChar>?, version: UnsafePointer<CChar>?, piece: UnsafePointer<CChar>?,
  pieceBytes: UnsafeMutablePointer<Int>?,
  requestContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
  guard let retained = requestContext?.pointee, let method, let version, let pieceBytes else {
    return .NO
  }
  let exchange = Unmanaged<Exchange>.fromOpaque(retained).takeUnretainedValue()
  let step: ExchangeStep
  if exchange.takesHead() {
    let isHTTP10 = strcmp(version, "HTTP/1.0") == 0
    step = exchange.receiveHead(method: String(cString: method), isHTTP10: isHTTP10)
  } else if pieceBytes.pointee > 0 {
    step = exchange.receiveBody(UnsafeRawBufferPointer(start: piece, count: pieceBytes.pointee))
    pieceBytes.pointee = 0
  } else {
    step = exchange.proceed()
  }
  switch step {
  case .proceed: return .YES
  case .end: return .NO
  case .queue(let response): return exchange.queue(response)
  }
}
