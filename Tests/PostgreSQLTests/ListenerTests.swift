import PostgreSQL
import Runtime
import TestSupport
import Testing

@Suite("Listening to PostgreSQL")
struct ListenerTests {
  /// The events of one listener, in order, for a test that waits for each.
  private struct Listening {
    let listener: PostgreSQLListener
    var events: AsyncStream<PostgreSQLListenerEvent>.Iterator

    init(_ bench: Bench, probeIntervalMs: Int = 10_000) throws {
      let (stream, continuation) = AsyncStream<PostgreSQLListenerEvent>.makeStream()
      events = stream.makeAsyncIterator()
      listener = try PostgreSQLListener(
        options: PostgreSQLListenerOptions(
          connection: bench.database.connection(port: bench.proxy.port),
          channels: ["odd \"name", "second"], applicationName: bench.name,
          probeIntervalMs: probeIntervalMs, backoff: Backoff(initialMs: 1, maximumMs: 20))
      ) { continuation.yield($0) }
    }
  }

  private static func notify(_ bench: Bench, _ channel: String, _ payload: String) async throws {
    _ = try await bench.witness.call(
      "SELECT pg_notify($1, $2)", [.text(channel), .text(payload)])
  }

  @Test("Notifications of all channels come in order, with their payload")
  func notifications() async throws {
    try await Bench.with { bench in
      var listening = try Listening(bench)
      #expect(await listening.events.next() == .connected)
      for number in 0..<20 {
        let channel = number.isMultiple(of: 2) ? "odd \"name" : "second"
        try await Self.notify(bench, channel, "n\(number)")
        #expect(
          await listening.events.next() == .notification(channel: channel, payload: "n\(number)"))
      }
      await listening.listener.close()
      try await bench.waitForBackends()
    }
  }

  @Test("A connection that goes is told, made again and told again")
  func reconnection() async throws {
    try await Bench.with { bench in
      var listening = try Listening(bench)
      #expect(await listening.events.next() == .connected)
      for round in 0..<3 {
        if round == 1 { bench.proxy.cutAll() } else { try await bench.terminateBackends() }
        #expect(await listening.events.next() == .disconnected)
        #expect(await listening.events.next() == .connected)
        try await Self.notify(bench, "second", "again")
        #expect(
          await listening.events.next() == .notification(channel: "second", payload: "again"))
      }
      await listening.listener.close()
    }
  }

  @Test("A connection that is silent for good is found out by asking it")
  func silence() async throws {
    try await Bench.with { bench in
      var listening = try Listening(bench, probeIntervalMs: 100)
      #expect(await listening.events.next() == .connected)
      bench.proxy.arm(.init(.hold, .toClient))
      #expect(await listening.events.next() == .disconnected)
      #expect(await listening.events.next() == .connected)
      await listening.listener.close()
    }
  }

  @Test("A listener can be closed while its server is away")
  func closedWhileAway() async throws {
    try await Bench.with { bench in
      var listening = try Listening(bench)
      #expect(await listening.events.next() == .connected)
      bench.proxy.close()
      #expect(await listening.events.next() == .disconnected)
      await listening.listener.close()
    }
  }
}
