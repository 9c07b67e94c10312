import Model
import ObjectStore
import Observability
import Runtime

/// Watches the object store: whether it takes files, and how much space is left.
package final class StorageMonitor: Service {
  private struct State {
    var freeBytes: Int64?
    var failure: ObjectStoreError?
  }

  package let name = "storage-monitor"
  private let store: any ObjectStore
  private let floorBytes: Int64
  private let intervalMs: Int
  private let clock: any MonotonicClock
  private let state = Lock(State())

  package init(
    store: any ObjectStore, floorBytes: Int, intervalMs: Int = 1_000, clock: any MonotonicClock
  ) {
    self.store = store
    self.floorBytes = Int64(floorBytes)
    self.intervalMs = intervalMs
    self.clock = clock
  }

  package var freeBytes: Int64? { state.withLock { $0.freeBytes } }

  /// Whether ingest must be refused so that what is accepted can still be written.
  package var isBelowFloor: Bool {
    state.withLock { state in
      state.failure == .storageFull || (state.freeBytes.map { $0 < floorBytes } ?? false)
    }
  }

  package var isAccepting: Bool { !isBelowFloor && state.withLock { $0.failure == nil } }

  package var stateText: String {
    if isBelowFloor { return "full" }
    return isAccepting ? "ok" : "unavailable"
  }

  package func start(shutdown: Shutdown) async throws { await look() }

  package func run(shutdown: Shutdown) async throws {
    while await !shutdown.wait(until: clock.now.advanced(byMs: intervalMs), on: clock) {
      if Task.isCancelled { return }
      await look()
    }
  }

  private func look() async {
    do throws(ObjectStoreError) {
      let free = try await store.probe()
      state.withLock { $0 = State(freeBytes: free, failure: nil) }
    } catch {
      state.withLock { $0.failure = error }
    }
  }
}
