import Catalog
import Consistency
import Model

/// What a flight must know of the past where dead letters are involved.
extension Flight {
  /// Says of a keyed table which deleted keys must be known: of a replay those that its letters
  /// might bring back, of a batch whether there is any letter that could.
  func prepare(
    _ lookup: inout KeyLookup, for batch: TableBatch, in table: TableRecord
  ) async throws(EnvironmentFailure) {
    guard batch.isReplay else {
      guard batch.events.contains(where: { $0.record.operation == .delete }) else { return }
      lookup.keepsDeletedKeys = try await reading { () async throws(CatalogError) in
        try await self.catalog.hasOpenLetters(table: table.id)
      }
      return
    }
    lookup.keepsDeletedKeys = true
    let events = try await harmless(batch, table)
    let keys = try await materializers.run { (materializer) throws(EnvironmentFailure) in
      try materializer.keyHashes(of: events, shape: RowShape(table))
    }
    lookup.deletions = try await reading { () async throws(CatalogError) in
      try await self.catalog.tombstones(of: table.id, keys: keys)
    }
  }

  /// The events that do not end the process that computes them.
  private func harmless(
    _ batch: TableBatch, _ table: TableRecord
  ) async throws(EnvironmentFailure) -> [PlannedEvent] {
    guard let probe = crashGuard?.probe else { return batch.events }
    return try await materializers.run { (_) throws(EnvironmentFailure) in
      let shape = RowShape(table)
      let culprits = try CrashSearch.culprits(in: batch.events[...]) {
        part throws(EnvironmentFailure) in try probe.crashes(on: part, shape: shape)
      }
      return batch.events.indices.filter { !culprits.contains($0) }.map { batch.events[$0] }
    }
  }

  private func reading<Value>(
    _ body: () async throws(CatalogError) -> Value
  ) async throws(EnvironmentFailure) -> Value {
    do { return try await body() } catch { throw .catalog("\(error)") }
  }
}
