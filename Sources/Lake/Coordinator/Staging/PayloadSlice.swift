import IngestBus
import Model

/// Gathers payloads, in order, into the slices that become a file each.
///
/// The first slices are small, so that there is soon one to write while the next is received; each
/// is twice the one before, up to the bound.
struct PayloadSlice {
  /// What a payload counts for at least: an event takes that and more beside its payload, and a
  /// slice of the smallest ones must not take a multiple of the memory.
  private static let leastBytes = 32
  private static let doublings = 3

  private let largestBytes: Int
  private var fullBytes: Int
  private var events: [PlannedEvent] = []
  private var byteCount = 0
  private var position: Int64 = 0

  init(largestBytes: Int) {
    self.largestBytes = largestBytes
    fullBytes = max(1, largestBytes >> Self.doublings)
  }

  var isEmpty: Bool { events.isEmpty }
  var isFull: Bool { byteCount >= fullBytes }

  mutating func append(_ payload: [UInt8]) {
    events.append(
      PlannedEvent(
        token: VisibilityToken(position), schemaVersion: 0,
        record: EventRecord(operation: .insert, idempotencyKey: [], payload: payload)))
    byteCount += max(payload.count, Self.leastBytes)
    position += 1
  }

  /// The events, whose tokens are their places among all; what follows is the next slice.
  mutating func take() -> [PlannedEvent] {
    defer {
      events = []
      byteCount = 0
      fullBytes = min(2 * fullBytes, largestBytes)
    }
    return events
  }

  /// An upper bound of what a slice takes in memory.
  static func memoryBytes(_ request: StagingRequest) -> Int {
    8 * (request.sliceBytes + StagingProcess.frameBytes)
  }
}
