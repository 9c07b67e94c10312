import CMicroHTTPD
import Glibc

/// The library's threads and its side of every connection.
///
/// It is started without a listening socket: the supervisor accepts and hands sockets over, so that
/// stopping needs none of the library's own ways to stop listening, which race with its threads.
// Sendable because adding connections is thread-safe and `stop` is the supervisor's alone, once.
struct MHDDaemon: @unchecked Sendable {
  private let pointer: OpaquePointer

  /// - Throws: `cannotStart`.
  init(core: ServerCore) throws(HTTPServerError) {
    let options = core.options
    let threads = max(1, options.threads)
    let callbacks = MHDCallbackAddresses()
    let context = Unmanaged.passUnretained(core).toOpaque()
    let flags =
      MHD_USE_EPOLL_INTERNAL_THREAD.rawValue | MHD_USE_SUSPEND_RESUME.rawValue
      | MHD_USE_ITC.rawValue | MHD_USE_NO_LISTEN_SOCKET.rawValue | MHD_USE_TURBO.rawValue
    // Each thread has its share of the limit, and sockets fall on threads unevenly: the real bound
    // is held where connections are accepted.
    let limit = (options.maxConnections + 64) * threads
    var items: [MHD_OptionItem] = [
      .init(option: .NOTIFY_CONNECTION, value: callbacks.connection, ptr_value: context),
      .init(option: .URI_LOG_CALLBACK, value: callbacks.requestLine, ptr_value: context),
      .init(option: .NOTIFY_COMPLETED, value: callbacks.completed, ptr_value: context),
      .init(option: .CONNECTION_LIMIT, value: limit, ptr_value: nil),
      .init(option: .CONNECTION_TIMEOUT, value: options.idleTimeoutSeconds, ptr_value: nil),
      .init(
        option: .CONNECTION_MEMORY_LIMIT, value: options.connectionMemoryBytes, ptr_value: nil),
      // Missing Host and odd targets are refused by us, with our own body.
      .init(option: .STRICT_FOR_CLIENT, value: 0, ptr_value: nil),
    ]
    if threads > 1 {
      items.append(.init(option: .THREAD_POOL_SIZE, value: threads, ptr_value: nil))
    }
    items.append(.init(option: .END, value: 0, ptr_value: nil))
    let started = items.withUnsafeMutableBufferPointer { items -> OpaquePointer? in
      guard let first = items.baseAddress else { return nil }
      let arguments: [any CVarArg] = [
        Int32(MHD_OPTION.ARRAY.rawValue), OpaquePointer(first), Int32(MHD_OPTION.END.rawValue),
      ]
      return withVaList(arguments) {
        MHD_start_daemon_va(flags, 0, nil, nil, onAccess, context, $0)
      }
    }
    guard let started else { throw .cannotStart(code: errno) }
    pointer = started
  }

  /// Hands a connected socket over; it is closed by the library, also on failure.
  func add(_ descriptor: Int32, _ peer: inout sockaddr_storage, _ length: socklen_t) {
    withUnsafePointer(to: &peer) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = MHD_add_connection(pointer, descriptor, $0, length)
      }
    }
  }

  /// Joins the library's threads. Nothing may be suspended then: it would abort the process.
  func stop() {
    MHD_stop_daemon(pointer)
  }
}
