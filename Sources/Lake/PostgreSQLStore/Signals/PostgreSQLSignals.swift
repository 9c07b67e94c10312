import Catalog
import Model
import PostgreSQL
import Runtime

/// Signals between the processes of one lake, by LISTEN and NOTIFY.
///
/// Commits and table changes notify inside their own transactions; what is sent from here are
/// demands. `run` must run for them to leave the process. Demands gather while the notification
/// before them is under way, so any number of waiters costs one statement at a time; a notification
/// in each publish would serialise the commits of the whole database.
package final class PostgreSQLSignals: LakeSignals, Service {
  package let name = "postgresql-signals"

  private let database: PostgreSQLDatabase
  private let hub: SignalHub
  private let demands: DemandGathering
  private let clock: any MonotonicClock

  package init(
    database: PostgreSQLDatabase, bufferLimit: Int = 1_024,
    clock: any MonotonicClock = SystemMonotonicClock()
  ) {
    self.database = database
    self.clock = clock
    hub = SignalHub(bufferLimit: bufferLimit)
    demands = DemandGathering()
  }

  package func subscribe() -> AsyncStream<LakeSignal> { hub.subscribe() }

  /// Subscribers of this process hear of it at once, the others by notification.
  package func send(demand tenant: TenantID, token: VisibilityToken) {
    hub.publish(.demanded(tenant: tenant, token: token))
    demands.add(tenant, token)
  }

  package func run(shutdown: Shutdown) async throws {
    defer { hub.close() }
    guard let listener = try await listen(until: shutdown) else { return }
    shutdown.onRequest { [demands] in demands.wake() }
    while !shutdown.isRequested, !Task.isCancelled {
      guard await demands.wait() else { break }
      let batch = demands.take()
      guard !batch.isEmpty else { continue }
      // A demand that is not heard costs its waiter the ordinary flush interval, nothing else.
      _ = try? await database.general.call(
        "SELECT \(SQLFunction.signal.name)($1)", [.text(SignalPayload.encode(demands: batch))])
    }
    await listener.close()
  }

  /// Tries until the database can be asked for the channel's name.
  private func listen(until shutdown: Shutdown) async throws -> PostgreSQLListener? {
    while !shutdown.isRequested, !Task.isCancelled {
      if let rows = try? await database.general.call("SELECT \(SQLFunction.signalChannel.name)()") {
        return try PostgreSQLListener(
          options: PostgreSQLListenerOptions(
            connection: database.options.connection, channels: [rows.text(0, 0)],
            connectTimeoutMs: database.options.connectTimeoutMs)
        ) { [hub] event in
          switch event {
          case .connected: hub.publish(.missed)
          case .disconnected: break
          case .notification(_, let payload):
            for signal in SignalPayload.decode(payload) { hub.publish(signal) }
          }
        }
      }
      _ = await shutdown.wait(until: clock.now.advanced(byMs: Self.retryMs), on: clock)
    }
    return nil
  }

  private static let retryMs = 500
}
