import Catalog
import Coordinator
import IngestBus
import Model

/// The source and the target of a replay as one page is written.
struct ReplayTables: Sendable {
  let source: TableRecord
  let target: TableRecord
  private let upgrades: [Int64: EventUpgrade]

  /// - Throws: `ended` when the target is gone or does not take the source's events any more.
  init(
    of replay: EventReplay, versions: Set<Int64>, catalog: any Catalog
  ) async throws(ReplayFailure) {
    let order = replay.order
    do throws(CatalogError) {
      let records = try await catalog.tables(ids: Array(Set([order.source, order.target])))
      guard let source = records.first(where: { $0.id == order.source }),
        let target = records.first(where: { $0.id == order.target })
      else { throw CatalogError.damaged(reason: "a table of a replay is not known") }
      self.source = source
      self.target = target
      var upgrades: [Int64: EventUpgrade] = [:]
      for version in versions
      where source.id != target.id || version != target.schemaVersion {
        let old = try await catalog.tableVersions(of: source.id, below: version + 1, limit: 1)
        guard let old = old.first?.table, old.schemaVersion == version else {
          throw CatalogError.damaged(reason: "events of a schema version that never was")
        }
        upgrades[version] = EventUpgrade(from: old, of: source, into: target)
      }
      self.upgrades = upgrades
    } catch {
      throw ReplayFailure(error)
    }
    guard !target.isDropped else { throw .ended("TARGET_DROPPED") }
    guard EventReplayRules.refusals(of: source, into: target).isEmpty else {
      throw .ended("REPLAY_INCOMPATIBLE")
    }
  }

  /// The event as it is published for the target; what the edge has rejected stays rejected.
  func record(_ event: ReplayedEvent) -> EventRecord {
    var record = event.record
    guard record.rejection == nil, let upgrade = upgrades[event.schemaVersion] else {
      return record
    }
    if let payload = upgrade.payload(record.payload) {
      record.payload = payload
    } else {
      record.rejection = "the payload of the replayed event cannot be read"
    }
    return record
  }
}
