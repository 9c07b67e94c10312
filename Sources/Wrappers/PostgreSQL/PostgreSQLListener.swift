import Runtime

/// One connection that listens to channels, made again with back-off whenever it goes.
package final class PostgreSQLListener: Sendable {
  /// Starts the thread that connects and listens.
  ///
  /// - Parameter deliver: called on that thread, in order; it must not block.
  /// - Throws: as `PostgreSQLPool.init`.
  package init(
    options: PostgreSQLListenerOptions,
    deliver: @escaping @Sendable (PostgreSQLListenerEvent) -> Void
  ) throws(PostgreSQLError) {
  }

  /// Ends the connection and the thread; nothing is delivered after it returns.
  package func close() async {
  }
}
