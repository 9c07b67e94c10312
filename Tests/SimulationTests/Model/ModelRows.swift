import Consistency
import Model

/// One accepted event, for ever: the truth that everything is held against.
struct ModelEvent {
  let table: Int
  let key: Int
  let content: Int
  /// The group that brought it.
  let group: Int
  var isDeadLetter = false
}

struct ModelRecord {
  let key: Int
  let content: Int
}

/// One request as a group holds it.
struct ModelRequest {
  let request: Int
  let tenant: Int
  let table: Int
  var schemaVersion: Int
  let records: [ModelRecord]
}

enum ModelPublishOutcome {
  case accepted(tokens: [Int])
  case keyReused(index: Int)
  case tableGone
  case schemaChanged
}

/// A run of tokens in the bus.
struct ModelSegment {
  let first: Int
  let last: Int
}

struct ModelTenant {
  var head = 0
  var watermark = 0
  var lease = LeaseState.free
  /// By token, beginning with 1.
  var events: [ModelEvent] = []
  var segments: [ModelSegment] = []
  /// How often somebody may have taken it over: the oracle's own count.
  var accountedThrough = 0
}

struct ModelTable {
  let tenant: Int
  var schemaVersion = 1
  /// The snapshot that drops it.
  var droppedAt: Int?
  var keys: [(token: Int, content: Int)?]
}

struct ModelFile {
  let tenant: Int
  let table: Int
  let epoch: LeaseEpoch
  let schemaVersion: Int
  /// The tokens of its rows: bit n is token `base` + 1 + n.
  let base: Int
  let rows: UInt64
  let digest: UInt64
  var isStored = false
  /// The snapshot that adds it.
  var namedAt: Int?
  /// Its writer does not know whether a commit that names it was applied.
  var isInDoubt = false {
    didSet { wasInDoubt = wasInDoubt || isInDoubt }
  }
  /// Once it was, its writer leaves it to the collector, whatever it learns.
  private(set) var wasInDoubt = false
}

struct ModelSnapshot {
  let time: Timestamp
  let watermarks: [Int]
}

/// What one commit says of one table.
struct ModelPart {
  let tenant: Int
  let table: Int
  let base: Int
  let rows: UInt64
  let deadLetters: UInt64
  let file: Int?
  /// Nil for a table that was dropped when its events were materialised.
  let schemaVersion: Int?
}

struct ModelCommit {
  let id: Int
  let owner: OwnerID
  let fences: [TenantFence]
  let parts: [ModelPart]
}

enum ModelCommitOutcome {
  case applied(snapshot: Int)
  case fenced([TenantID])
  case tablesChanged([TableID])
  case inconsistent(String)
}

/// What a claim's first step has read of one tenant.
struct ModelPending {
  let tenant: Int
  let watermark: Int
  let lease: LeaseState
  let last: Int
}

struct ModelClaim {
  let tenant: Int
  let epoch: LeaseEpoch
  let from: Int
  let to: Int

  var fence: TenantFence {
    TenantFence(
      tenant: TenantID(Int64(tenant)), epoch: epoch, from: VisibilityToken(Int64(from)),
      to: VisibilityToken(Int64(to)))
  }
}

extension ModelEvent {
  func digest(token: Int) -> UInt64 {
    var value = UInt64(truncatingIfNeeded: token) &* 0x9e37_79b9_7f4a_7c15
    value ^= UInt64(truncatingIfNeeded: key &* 31 &+ content &* 1_000_003 &+ table &* 7_919)
    value = (value ^ (value >> 29)) &* 0xbf58_476d_1ce4_e5b9
    return value ^ (value >> 32)
  }
}
