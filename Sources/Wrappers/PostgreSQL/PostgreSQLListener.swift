import Runtime

/// One connection that listens to channels, made again with back-off whenever it goes.
///
/// Notifications are hints: those sent while there was no connection are lost, and `connected`
/// says when that may have been.
package final class PostgreSQLListener: Sendable {
  private let wakeUp: WakeUp
  private let thread: DedicatedThread

  /// Starts the thread that connects and listens.
  ///
  /// - Parameter deliver: called on that thread, in order; it must not block.
  /// - Throws: `refused` for a connection string that libpq does not read, `unavailable` when the
  ///   system has no thread or descriptor to give.
  package init(
    options: PostgreSQLListenerOptions,
    deliver: @escaping @Sendable (PostgreSQLListenerEvent) -> Void
  ) throws(PostgreSQLError) {
    guard Connection.isReadable(options.connection) else {
      throw .refused(
        sqlState: SQLState.cannotConnect, message: "the connection string cannot be read")
    }
    guard let wakeUp = WakeUp() else {
      throw .unavailable(reason: "the system has no descriptor to give")
    }
    let loop = ListenerLoop(options: options, wakeUp: wakeUp, deliver: deliver)
    do {
      thread = try DedicatedThread(name: "postgresql-listen", stackSizeBytes: 1 << 20) {
        loop.run()
      }
    } catch {
      throw .unavailable(reason: "the system has no threads to give")
    }
    self.wakeUp = wakeUp
  }

  deinit { wakeUp.signal() }

  /// Ends the connection and the thread; nothing is delivered after it returns.
  package func close() async {
    wakeUp.signal()
    await thread.join()
  }
}
