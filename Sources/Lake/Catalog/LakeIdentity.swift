import Model

/// Which catalog this is.
package struct LakeIdentity: Sendable, Equatable {
  /// A UUID, given when the lake was made.
  package let lake: String
  /// 1 for the first catalog of the lake, more with each adoption of a restored one.
  package let generation: Int64
  /// What tells one copy of a catalog from another, in the backend's own words.
  package let backend: String

  package init(lake: String, generation: Int64, backend: String) {
    self.lake = lake
    self.generation = generation
    self.backend = backend
  }
}

/// How far a catalog has come. Nothing in it ever goes back, except by a restore.
package struct LakeMark: Sendable, Equatable {
  package let snapshot: SnapshotID
  /// Tokens issued, summed over all tenants, void ones included.
  package let issued: Int64

  package init(snapshot: SnapshotID, issued: Int64) {
    self.snapshot = snapshot
    self.issued = issued
  }

  package func isBehind(_ other: LakeMark) -> Bool {
    snapshot < other.snapshot || issued < other.issued
  }
}

/// A catalog's identity and progress, read in one transaction.
package struct LakeState: Sendable, Equatable {
  package let identity: LakeIdentity
  package let mark: LakeMark

  package init(identity: LakeIdentity, mark: LakeMark) {
    self.identity = identity
    self.mark = mark
  }

  /// Whether nothing was ever written to the lake.
  package var isNew: Bool { mark.snapshot == SnapshotID(0) && mark.issued == 0 }
}

/// What an adoption did.
package struct Adoption: Sendable, Equatable {
  package let identity: LakeIdentity
  /// The newest snapshot of the catalog as it was restored.
  package let restored: SnapshotID
  /// The first snapshot of the new generation, with the same content.
  package let opened: SnapshotID
  package let tenants: Int
  /// Events that the restored catalog holds and no snapshot shows yet; they keep their tokens.
  package let pending: Int64

  package init(
    identity: LakeIdentity, restored: SnapshotID, opened: SnapshotID, tenants: Int, pending: Int64
  ) {
    self.identity = identity
    self.restored = restored
    self.opened = opened
    self.tenants = tenants
    self.pending = pending
  }
}

/// Knows which catalog it is, and makes a restored one fit to go on.
///
/// Adoption happens in one transaction that excludes publishing, commits and table changes:
///
/// - every lease epoch rises by `LakeGeneration.epochStride` for each generation, and no lease is
///   held;
/// - for every tenant the tokens after its head, as many as `LakeGeneration.jump`, are void; the
///   head is behind them, and so is the watermark where nothing was pending;
/// - snapshot, table, file, schema version and dead letter numbers move on by as much, under one
///   new snapshot that shows what the newest one showed;
/// - the generation is the new one.
///
/// A tenant that is made in a later generation has void tokens up to `LakeGeneration.floor`.
package protocol IdentityCatalog: Sendable {
  func state() async throws(CatalogError) -> LakeState

  /// - Parameters:
  ///   - found: the generation that the catalog has; nothing is changed when it has another.
  ///   - generation: the new one.
  /// - Returns: nil when the catalog's generation was not the one expected.
  func adopt(from found: Int64, to generation: Int64) async throws(CatalogError) -> Adoption?
}
