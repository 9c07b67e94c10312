import CPostgreSQL
import Glibc
import Runtime

/// One libpq connection in non-blocking pipeline mode.
///
/// Thread-confined: it belongs to the one thread that uses it at a time.
final class Connection {
  let handle: OpaquePointer
  let notices: ConnectionNotices
  let parameters = ParameterBuffer()
  var prepared: PreparedStatements
  /// Round trips that were sent and whose answers nobody waited for.
  var owedAnswers: [PendingAnswer] = []
  /// Set for good when the connection can carry nothing more.
  private(set) var isBroken = false

  /// Takes over a handle that `connect` has made.
  init(handle: OpaquePointer, notices: ConnectionNotices, maximumPreparedStatements: Int) {
    self.handle = handle
    self.notices = notices
    prepared = PreparedStatements(maximumCount: maximumPreparedStatements)
  }

  deinit { Connection.finish(handle) }

  /// Closes a connection without handing the system one more byte.
  ///
  /// PQfinish sends what its buffer still holds and a farewell, which could be the Sync of a
  /// statement that the caller was told is not applied.
  static func finish(_ handle: OpaquePointer) {
    let socket = PQsocket(handle)
    if socket >= 0 { shutdown(socket, Int32(SHUT_RDWR)) }
    PQfinish(handle)
  }

  /// Ends the connection now, so that the server learns of it before the object goes.
  func breakOff() {
    guard !isBroken else { return }
    isBroken = true
    let socket = PQsocket(handle)
    if socket >= 0 { shutdown(socket, Int32(SHUT_RDWR)) }
  }

  var isInTransaction: Bool { PQtransactionStatus(handle) == PQTRANS_INTRANS }

  /// Whether no transaction is open and none has failed.
  var isIdle: Bool { PQtransactionStatus(handle) == PQTRANS_IDLE }

  /// Whether the server has ended the connection, as far as what has arrived tells.
  func hasEnded() -> Bool {
    if isBroken || PQstatus(handle) != CONNECTION_OK { return true }
    // A farewell and the end of the stream are two reads.
    for _ in 0..<4 where Connection.wait(PQsocket(handle), Int16(POLLIN), until: nil) != 0 {
      guard PQconsumeInput(handle) == 1 else { return true }
      // Has libpq parse, and so tell `notices`, what came without a question.
      _ = PQisBusy(handle)
      if notices.isEnding { return true }
    }
    return PQstatus(handle) != CONNECTION_OK
  }

  /// Waits for events on a socket until the deadline, without a deadline not at all.
  ///
  /// - Returns: the events that came, 0 when none did in time.
  static func wait(_ socket: Int32, _ events: Int16, until deadline: MonotonicInstant?) -> Int16 {
    var descriptor = pollfd(fd: socket, events: events, revents: 0)
    while true {
      let code = poll(&descriptor, 1, deadline.map(remainingMs) ?? 0)
      if code > 0 { return descriptor.revents }
      if code < 0, errno == EINTR { continue }
      guard code == 0, let deadline, remainingMs(deadline) > 0 else { return 0 }
    }
  }

  /// Whole milliseconds until the deadline, rounded up.
  static func remainingMs(_ deadline: MonotonicInstant) -> Int32 {
    let left = (deadline - SystemMonotonicClock().now).saturatedNanoseconds
    return left <= 0 ? 0 : Int32(clamping: (left + 999_999) / 1_000_000)
  }
}
