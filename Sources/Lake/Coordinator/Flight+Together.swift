import Catalog
import Consistency
import Observability

extension Flight {
  /// Batches of one shape, small enough together for one statement.
  private struct Fleet {
    let shape: RowShape
    var events = 0
    var bytes = 0
    /// Of all files together.
    var columns = 0
    var members: [(draft: FlightProtocol.Draft, small: SmallBatch)] = []

    func takes(_ batch: TableBatch, of shape: RowShape) -> Bool {
      self.shape == shape
        && events + batch.events.count <= SmallBatch.maximumEventsTogether
        && bytes + batch.byteCount <= SmallBatch.maximumBytesTogether
        && columns + shape.leafCount <= SmallBatch.maximumColumnsTogether
    }

    mutating func add(_ draft: FlightProtocol.Draft, _ small: SmallBatch) {
      members.append((draft: draft, small: small))
      events += small.batch.events.count
      bytes += small.batch.byteCount
      columns += shape.leafCount
    }
  }

  /// Materialises what is small and looks alike, as tables that many tenants have do, by one
  /// statement for all of it.
  ///
  /// - Returns: the drafts that are done. All others are to be materialised each for itself, those
  ///   included that could not be written together: what is wrong is the matter of one of them.
  func materializeTogether(
    _ drafts: [FlightProtocol.Draft], tables: [TableRecord], _ work: inout FlightWork
  ) async -> Set<FlightProtocol.Draft> {
    var done: Set<FlightProtocol.Draft> = []
    for fleet in fleets(drafts, tables: tables, work) where fleet.members.count > 1 {
      let small = fleet.members.map(\.small)
      work.files.willStage(small.map(\.path))
      do throws(EnvironmentFailure) {
        let materialized = try await materializers.run(.smallOnly) {
          (materializer) throws(EnvironmentFailure) in
          try materializer.materialize(together: small, shape: fleet.shape)
        }
        for (member, table) in zip(fleet.members, materialized) {
          work.tables[member.draft] = table
          done.insert(member.draft)
        }
        metrics.coordinator.batchesWritten.with("shared").increment(by: small.count)
      } catch {
        logger.info(
          "small batches could not be written together",
          [.tableCount: LogValue(small.count), .detail: LogValue("\(error)")])
      }
    }
    return done
  }

  private func fleets(
    _ drafts: [FlightProtocol.Draft], tables: [TableRecord], _ work: FlightWork
  ) -> [Fleet] {
    let byID = Dictionary(tables.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    var fleets: [Fleet] = []
    for draft in drafts {
      let batch = work.plan.batches[draft.part]
      guard let table = byID[batch.table], isSmall(batch, of: table, work) else { continue }
      let shape = RowShape(table)
      let small = SmallBatch(batch: batch, table: table, path: store.stagingPath())
      if let place = fleets.lastIndex(where: { $0.takes(batch, of: shape) }) {
        fleets[place].add(draft, small)
      } else {
        var fleet = Fleet(shape: shape)
        fleet.add(draft, small)
        fleets.append(fleet)
      }
    }
    return fleets
  }

  /// Whether a batch is nothing but a few events of today's schema for a plain table.
  func isSmall(_ batch: TableBatch, of table: TableRecord, _ work: FlightWork) -> Bool {
    batch.events.count <= SmallBatch.maximumEvents && batch.uploads.isEmpty && !batch.isReplay
      && batch.byteCount <= SmallBatch.maximumBytes
      && table.fieldIDs.leafCount <= MaterializerPool.WorkSize.smallColumns
      && !work.suspects.contains(batch.tenant) && !table.isDropped
      && !table.definition.isKeyed && !table.definition.layout.isClustered
      && batch.staleVersions(for: table).isEmpty
  }
}
