import Catalog
import Consistency
import IngestBus
import Model
import Observability
import Runtime

/// Carries out replays: reads events that the bus has kept and publishes them into a table anew.
///
/// Replays of several tenants take turns. All that is known of one stands in the catalog, so any
/// process goes on where another has stopped.
package final class ReplayService: Service {
  package struct Options: Sendable {
    /// Events that are published together, behind which fresh events may have to wait.
    package var pageRecords: Int
    package var pageBytes: Int
    /// Of the bus at once, decompressed; one segment may be larger.
    package var readBytes: Int
    /// Pages until another tenant's replay has its turn.
    package var pagesInTurn: Int
    /// How long a page lets a crowd of fresh events go first.
    package var patienceMs: Int
    package var leaseMs: Int
    /// How often replays are looked for that nobody has told us of.
    package var pollMs: Int

    package init(
      pageRecords: Int = 10_000, pageBytes: Int = 4 << 20, readBytes: Int = 8 << 20,
      pagesInTurn: Int = 16, patienceMs: Int = 5_000, leaseMs: Int = 5_000, pollMs: Int = 1_000
    ) {
      self.pageRecords = pageRecords
      self.pageBytes = pageBytes
      self.readBytes = readBytes
      self.pagesInTurn = pagesInTurn
      self.patienceMs = patienceMs
      self.leaseMs = leaseMs
      self.pollMs = pollMs
    }
  }

  package let name = "replay"
  private let bus: any IngestBus & RetainedEvents
  private let catalog: any Catalog & EventReplayCatalog
  private let hub: VisibilityHub
  private let options: Options
  private let clock: any MonotonicClock
  private let metrics: DuckMeshMetrics
  private let logger: Logger
  private let mayPublish: @Sendable () -> Bool
  private let onPublished: @Sendable (TenantID, VisibilityToken, Int) -> Void
  private let owner = OwnerID.random()
  private let wakeUp = Notifier()

  /// - Parameter mayPublish: false while there is no room for more events.
  package init(
    bus: any IngestBus & RetainedEvents, catalog: any Catalog & EventReplayCatalog,
    hub: VisibilityHub, options: Options, clock: any MonotonicClock, metrics: DuckMeshMetrics,
    logger: Logger, mayPublish: @escaping @Sendable () -> Bool,
    onPublished: @escaping @Sendable (TenantID, VisibilityToken, Int) -> Void
  ) {
    self.bus = bus
    self.catalog = catalog
    self.hub = hub
    self.options = options
    self.clock = clock
    self.metrics = metrics
    self.logger = logger
    self.mayPublish = mayPublish
    self.onPublished = onPublished
  }

  /// Somebody has asked for a replay.
  package func wanted() { wakeUp.notify() }

  package func run(shutdown: Shutdown) async throws {
    shutdown.onRequest { [wakeUp] in wakeUp.notify() }
    while !Task.isCancelled, !shutdown.isRequested {
      do throws(ReplayFailure) {
        if try await takeTurn(shutdown) { continue }
      } catch {
        guard case .environment(let reason) = error else { continue }
        logger.warning(
          "replay not carried on", errorCode: "REPLAY_DELAYED", [.detail: LogValue(reason)])
      }
      _ = await wakeUp.wait(until: clock.now.advanced(byMs: options.pollMs), on: clock)
    }
  }

  /// Works on one replay for a while.
  ///
  /// - Returns: whether there was one.
  private func takeTurn(_ shutdown: Shutdown) async throws(ReplayFailure) -> Bool {
    let claimed: EventReplay?
    do {
      claimed = try await catalog.claimEventReplay(owner: owner, leaseMs: options.leaseMs)
    } catch {
      throw ReplayFailure(error)
    }
    guard let replay = claimed else { return false }
    let run = ReplayRun(
      replay: replay, bus: bus, catalog: catalog, owner: owner, options: options, hub: hub,
      clock: clock, metrics: metrics, shutdown: shutdown, mayPublish: mayPublish,
      onPublished: onPublished)
    do throws(ReplayFailure) {
      guard try await run.carryOn() else { return true }
      try await finish(replay, errorCode: nil)
    } catch {
      switch error {
      case .ended(let code): try await finish(replay, errorCode: code)
      case .lost, .stopping: return true
      case .environment: throw error
      }
    }
    return true
  }

  private func finish(
    _ replay: EventReplay, errorCode: String?
  ) async throws(ReplayFailure) {
    do {
      try await catalog.finishReplay(replay.id, owner: owner, errorCode: errorCode)
    } catch {
      throw ReplayFailure(error)
    }
    if let errorCode {
      logger.warning("replay failed", errorCode: errorCode, [.reason: LogValue("\(replay.id)")])
    }
  }
}
