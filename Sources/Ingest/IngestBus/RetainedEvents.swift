import Consistency
import Model

/// How long acknowledged segments stay in the bus, so that their events can be replayed.
package struct SegmentRetention: Sendable, Equatable {
  /// From when a segment was published; at 0 it goes with its acknowledgement.
  package var seconds: Int
  /// Of one tenant, counted back from its watermark; older ones go whatever their age.
  package var events: Int

  package init(seconds: Int, events: Int) {
    self.seconds = seconds
    self.events = events
  }

  package static let none = SegmentRetention(seconds: 0, events: 0)

  package var keepsAcknowledged: Bool { seconds > 0 && events > 0 }
}

/// Which of a tenant's events are still in the bus.
package struct RetainedSpan: Sendable, Equatable {
  /// The first token of the oldest segment; nil when the bus holds none of the tenant's.
  package let first: VisibilityToken?
  /// When that segment was published.
  package let firstPublishedAt: Timestamp?
  /// The last token issued.
  package let head: VisibilityToken
  package let voids: VoidRanges

  package init(
    first: VisibilityToken?, firstPublishedAt: Timestamp?, head: VisibilityToken,
    voids: VoidRanges
  ) {
    self.first = first
    self.firstPublishedAt = firstPublishedAt
    self.head = head
    self.voids = voids
  }
}

/// The bus as those see it who read events again.
///
/// The contract, which the conformance suite holds every backend to:
///
/// - A segment is there from its publish until it is acknowledged and `SegmentRetention` lets it
///   go; the oldest go first. While a replay of the tenant is running, what it has not read stays.
/// - Reading takes no lease and changes nothing.
package protocol RetainedEvents: Sendable {
  func retainedSpan(of tenant: TenantID) async throws(BusError) -> RetainedSpan

  /// Segments with tokens of the range, in token order, from the one that `range` begins in.
  ///
  /// - Parameter byteLimit: of decompressed bodies; the first segment is always handed out.
  func retainedSegments(
    of tenant: TenantID, _ range: ClosedRange<VisibilityToken>, byteLimit: Int
  ) async throws(BusError) -> [Segment]

  /// The last token of the newest segment in the bus that was published before an instant; nil
  /// when there is none.
  func lastRetainedToken(
    of tenant: TenantID, publishedBefore instant: Timestamp
  ) async throws(BusError) -> VisibilityToken?

  /// Deletes acknowledged segments that need not be kept.
  ///
  /// - Parameter limit: of segments of one tenant.
  /// - Returns: how many were deleted; fewer than there were when a tenant had more.
  func trimSegments(limit: Int) async throws(BusError) -> Int
}
