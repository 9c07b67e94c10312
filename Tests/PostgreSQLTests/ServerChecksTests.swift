import PostgreSQL
import Runtime
import TestSupport
import Testing

@Suite("Which servers are accepted")
struct ServerChecksTests {
  private func failure(_ connection: String) async throws -> PostgreSQLError? {
    let pool: PostgreSQLPool
    do {
      pool = try PostgreSQLPool(options: PostgreSQLPoolOptions(connection: connection, size: 1))
    } catch {
      return error
    }
    var failure: PostgreSQLError?
    do {
      try await pool.verify()
    } catch {
      failure = error
    }
    await pool.close()
    return failure
  }

  @Test("A server that does not sync is refused, and a standby is no place to write")
  func unsafeServers() async throws {
    let cluster = try await PostgreSQLCluster(settings: ["fsync = off"])
    let database = try await cluster.makeDatabase()
    #expect(try await failure(database.connection)?.kind == "55000")
    try await cluster.stop(.fast)
    try await cluster.change("sed -i 's/^fsync = off$//' data/postgresql.conf")
    try await cluster.start()
    #expect(try await failure(database.connection) == nil)
    try await cluster.stop(.fast)
    try await cluster.change("touch data/standby.signal")
    try await cluster.start()
    #expect(
      try await failure(database.connection)
        == .unavailable(reason: "the server is a standby"))
    try await cluster.remove()
  }

  @Test("Credentials, databases and texts that cannot work are refusals without a secret")
  func wrongCredentials() async throws {
    let database = try await PostgreSQLCluster.shared().makeDatabase()
    let secret = "not the right one"
    let wrong = try await failure(database.connection(password: secret))
    #expect(wrong?.kind == "28P01")
    let missing = try await failure(database.connection(options: "dbname=nowhere"))
    #expect(missing?.kind == "3D000")
    let unreadable = try await failure("postgresql://user:\(secret)@host:port:port/%zz")
    #expect(unreadable?.kind == "08001")
    for error in [wrong, missing, unreadable] {
      let text = "\(String(describing: error))"
      #expect(!text.contains(secret) && !text.contains("127.0.0.1") && !text.contains("tester"))
    }
    #expect(try await failure(database.uri) == nil)
    var printed = ""
    dump(PostgreSQLPoolOptions(connection: database.uri), to: &printed)
    dump(PostgreSQLListenerOptions(connection: database.uri, channels: ["c"]), to: &printed)
    printed += "\(PostgreSQLPoolOptions(connection: database.uri))"
    #expect(!printed.contains("127.0.0.1"))
  }

  @Test("A database in another encoding is refused")
  func otherEncoding() async throws {
    let database = try await PostgreSQLCluster.shared().makeDatabase(encoding: "LATIN1")
    #expect(try await failure(database.connection)?.kind == "0A000")
  }

  @Test("Nobody at the port is unavailable")
  func nobodyThere() async throws {
    let database = try await PostgreSQLCluster.shared().makeDatabase()
    #expect(try await failure(database.connection(port: 1))?.kind == "unavailable")
  }

  @Test("A connection's settings are ours, whatever the server's are")
  func settings() async throws {
    let adjust: Adjustment = { $0.settings = [("search_path", "elsewhere")] }
    try await Bench.with(adjust: adjust) { bench in
      let expected = [
        "default_transaction_isolation": "read committed", "default_transaction_read_only": "off",
        "synchronous_commit": "on", "DateStyle": "ISO, YMD", "TimeZone": "UTC",
        "IntervalStyle": "iso_8601", "bytea_output": "hex", "jit": "off",
        "statement_timeout": "10s", "lock_timeout": "5s", "client_encoding": "UTF8",
        "idle_in_transaction_session_timeout": "10s", "search_path": "elsewhere",
      ]
      for (name, value) in expected {
        let rows = try await bench.pool.call("SELECT current_setting($1)", [.text(name)])
        #expect(rows.text(0, 0) == value, "\(name)")
      }
      let isolation = "SELECT current_setting('transaction_isolation')"
      let within = try await bench.pool.transaction { (session) throws(PostgreSQLError) in
        try session.query(isolation).text(0, 0)
      }
      #expect(within == "read committed")
      let reading = try await bench.pool.snapshot { (session) throws(PostgreSQLError) in
        try session.query(isolation).text(0, 0)
      }
      #expect(reading == "repeatable read")
    }
  }

  @Test("A certificate is checked against the authority and the name that the URI asks for")
  func encryption() async throws {
    let cluster = try await PostgreSQLCluster()
    let certificate =
      "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=server"
    try await cluster.change(
      "\(certificate) -addext subjectAltName=IP:127.0.0.1 -keyout data/server.key"
        + " -out data/server.crt && cp data/server.crt good.crt"
        + " && \(certificate) -keyout other.key -out other.crt && chmod 644 good.crt other.crt"
        + " && echo 'ssl = on' >> data/postgresql.conf")
    try await cluster.restart(.fast)
    let database = try await cluster.makeDatabase()
    func connection(_ authority: String, host: String = "127.0.0.1") -> String {
      database.connection(
        options: "sslmode=verify-full sslrootcert='\(cluster.folder)/\(authority).crt'"
          + " hostaddr=127.0.0.1 host=\(host)")
    }
    #expect(try await failure(connection("good")) == nil)
    #expect(try await failure(connection("other"))?.kind == "unavailable")
    #expect(try await failure(connection("good", host: "another.example"))?.kind == "unavailable")

    let pool = try PostgreSQLPool(
      options: PostgreSQLPoolOptions(connection: connection("good"), size: 1))
    let rows = try await pool.call("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    #expect(rows.bool(0, 0))
    let large = [UInt8](repeating: 9, count: 3 << 20)
    let echoed = try await pool.call("SELECT $1::bytea", [.bytes(large)])
    #expect(echoed.bytes(0, 0) == large)
    await pool.close()
    try await cluster.remove()
  }
}
