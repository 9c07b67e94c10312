import Catalog
import ObjectStore
import Observability
import Runtime

/// Writes down how far the catalog has come, and notices when it is no longer the lake's.
package struct LakeWatch: Service {
  /// The lake has another catalog now; the process must end.
  package struct Replaced: Error, CustomStringConvertible {
    package let description: String
  }

  package let name = "lake-watch"
  private let catalog: any IdentityCatalog
  private let register: LakeRegister
  private let lakeGuard: LakeGuard
  private let keepsMark: Bool
  private let endsProcess: Bool
  private let clock: any MonotonicClock
  private let logger: Logger

  private static let intervalMs = 1_000

  /// - Parameters:
  ///   - keepsMark: whether this process writes the mark; one of a lake's is enough.
  ///   - endsProcess: whether to fail when the lake has another catalog, for backends that do not
  ///     ask the guard themselves.
  package init(
    catalog: any IdentityCatalog, register: LakeRegister, lakeGuard: LakeGuard, keepsMark: Bool,
    endsProcess: Bool, clock: any MonotonicClock, logger: Logger
  ) {
    self.catalog = catalog
    self.register = register
    self.lakeGuard = lakeGuard
    self.keepsMark = keepsMark
    self.endsProcess = endsProcess
    self.clock = clock
    self.logger = logger
  }

  package func run(shutdown: Shutdown) async throws {
    var written: LakeMark?
    var isTold = false
    while true {
      let isLast = shutdown.isRequested || Task.isCancelled
      let objection = await look(&written)
      if let objection, !isTold {
        isTold = true
        logger.error(
          "the catalog is not the lake's any more", errorCode: "CATALOG_REPLACED",
          [.detail: LogValue(objection)])
        if endsProcess { throw Replaced(description: objection) }
      }
      if isLast { return }
      _ = await shutdown.wait(until: clock.now.advanced(byMs: Self.intervalMs), on: clock)
    }
  }

  /// What cannot be read now is read the next time: whoever is away does no harm.
  private func look(_ written: inout LakeMark?) async -> String? {
    if let record = try? await register.read(), let refusal = lakeGuard.refusal(record) {
      return refusal
    }
    let judge = lakeGuard.judge()
    guard keepsMark, let state = try? await catalog.state() else { return lakeGuard.objection }
    if let refusal = judge(state) { return refusal }
    guard state.mark != written else { return nil }
    do {
      try await register.write(state.mark, generation: state.identity.generation)
      written = state.mark
    } catch {
      logger.warning(
        "the lake's mark not written", errorCode: "MARK_NOT_WRITTEN",
        [.detail: LogValue("\(error)")])
    }
    return nil
  }
}
