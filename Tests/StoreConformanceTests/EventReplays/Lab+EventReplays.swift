import Catalog
import IngestBus
import Model
import Testing

extension Lab {
  var retained: any RetainedEvents {
    get throws { try #require(bus as? any RetainedEvents) }
  }

  var replays: any EventReplayCatalog {
    get throws { try #require(catalog as? any EventReplayCatalog) }
  }

  /// The tokens of the segments that the bus still has, first to last.
  func retainedRanges(
    _ tenant: TenantID, _ range: ClosedRange<Int64> = 1...1_000_000, byteLimit: Int = 1 << 20
  ) async throws -> [ClosedRange<Int64>] {
    let tokens = VisibilityToken(range.lowerBound)...VisibilityToken(range.upperBound)
    return try await retained.retainedSegments(of: tenant, tokens, byteLimit: byteLimit)
      .map { $0.firstToken.rawValue...$0.lastToken.rawValue }
  }

  /// Commits what is pending and acknowledges it, as a coordinator does.
  func commitAndAcknowledge(_ tenant: TenantID) async throws {
    try await commitAll([tenant])
    let progress = try await catalog.progress(tenant: tenant)
    try await bus.acknowledge([(tenant: tenant, through: progress.watermark)])
  }

  func order(
    _ table: TableRecord, _ range: ClosedRange<Int64>, into target: TableRecord? = nil
  ) -> EventReplayOrder {
    EventReplayOrder(
      source: table.id, target: (target ?? table).id,
      range: VisibilityToken(range.lowerBound)...VisibilityToken(range.upperBound), series: "s")
  }
}
