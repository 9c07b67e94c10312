import Foundation

/// One test's own database; the cluster's end removes it.
package final class PostgreSQLDatabase: Sendable {
  package let cluster: PostgreSQLCluster
  package let name: String

  init(cluster: PostgreSQLCluster, name: String) {
    self.cluster = cluster
    self.name = name
  }

  /// By the server's socket, without a password.
  package var connection: String {
    "host='\(cluster.folder)' port=\(cluster.port) user=\(PostgreSQLCluster.user) dbname=\(name)"
  }

  /// By TCP, straight or through a proxy, with a password.
  package func connection(
    port: Int? = nil, password: String = PostgreSQLCluster.password, options: String = ""
  ) -> String {
    "host=127.0.0.1 port=\(port ?? cluster.port) user=\(PostgreSQLCluster.user)"
      + " password='\(password)' dbname=\(name) \(options)"
  }

  /// The same as a URI, as an administrator writes it.
  package var uri: String {
    let password = PostgreSQLCluster.password.addingPercentEncoding(
      withAllowedCharacters: .alphanumerics)
    return
      "postgresql://\(PostgreSQLCluster.user):\(password ?? "")@127.0.0.1:\(cluster.port)/\(name)"
  }

  /// Runs SQL by a connection of its own, outside of what is tested.
  package func execute(_ sql: String) async throws {
    try await cluster.run(
      "psql",
      [
        "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", cluster.folder, "-p", "\(cluster.port)",
        "-U", PostgreSQLCluster.user, "-d", name, "-c",
        "SET default_transaction_read_only = off", "-c", sql,
      ])
  }
}
