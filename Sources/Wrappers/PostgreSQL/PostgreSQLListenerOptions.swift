import Runtime

/// How a listener connects.
package struct PostgreSQLListenerOptions: Sendable {
  /// As in `PostgreSQLPoolOptions`; not by way of a pooling proxy, which loses notifications.
  package var connection: String
  package var applicationName: String
  package var channels: [String]
  package var connectTimeoutMs: Int
  /// A silent connection is asked for a sign of life this often, and given as long to answer.
  package var probeIntervalMs: Int
  package var backoff: Backoff

  package init(
    connection: String, channels: [String], applicationName: String = "duckmesh-listener",
    connectTimeoutMs: Int = 5_000, probeIntervalMs: Int = 10_000,
    backoff: Backoff = Backoff(initialMs: 50, maximumMs: 2_000)
  ) {
    precondition(!channels.isEmpty && connectTimeoutMs > 0 && probeIntervalMs > 0)
    self.connection = connection
    self.channels = channels
    self.applicationName = applicationName
    self.connectTimeoutMs = connectTimeoutMs
    self.probeIntervalMs = probeIntervalMs
    self.backoff = backoff
  }
}

extension PostgreSQLListenerOptions: CustomStringConvertible, CustomReflectable {
  /// Says nothing of the connection string, which may hold a password.
  package var description: String { "PostgreSQL options of \(applicationName)" }
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}
