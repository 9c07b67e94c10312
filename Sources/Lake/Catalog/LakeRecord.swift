import Model

/// What the object store says of the lake whose files it holds.
package struct LakeRecord: Sendable, Equatable {
  package let lake: String
  /// The newest generation that was ever served.
  package let generation: Int64
  /// The catalogs that may serve it: one, or two while one takes the other's place.
  package let backends: [String]
  /// How far the generation had come when that was last written down.
  package let mark: LakeMark?

  package init(lake: String, generation: Int64, backends: [String], mark: LakeMark? = nil) {
    self.lake = lake
    self.generation = generation
    self.backends = backends
    self.mark = mark
  }

  package func names(_ identity: LakeIdentity) -> Bool {
    lake == identity.lake && generation == identity.generation
      && backends.contains(identity.backend)
  }
}

/// Whether a catalog is the one that served last, by what the object store says.
package enum IncarnationVerdict: Sendable, Equatable {
  /// A new lake in an empty store.
  case first
  case same
  /// Catalog and object store are of two lakes.
  case otherLake
  /// A lake with content, and a store that knows no lake.
  case unrecorded
  case restored(RestoreSign)
  /// The catalog was adopted, and the object store has not been told.
  case adoptionUnfinished

  package init(_ state: LakeState, _ record: LakeRecord?) {
    guard let record else {
      self = state.isNew ? .first : .unrecorded
      return
    }
    guard record.lake == state.identity.lake else {
      self = .otherLake
      return
    }
    if state.identity.generation > record.generation {
      self = .adoptionUnfinished
    } else if state.identity.generation < record.generation {
      self = .restored(
        .olderGeneration(found: state.identity.generation, served: record.generation))
    } else if !record.backends.contains(state.identity.backend) {
      self = .restored(.otherDatabase)
    } else if let mark = record.mark, state.mark.isBehind(mark) {
      self = .restored(.behind(found: state.mark, known: mark))
    } else {
      self = .same
    }
  }
}

/// By what a restored or failed-over catalog is known.
package enum RestoreSign: Sendable, Equatable, CustomStringConvertible {
  case olderGeneration(found: Int64, served: Int64)
  case otherDatabase
  case behind(found: LakeMark, known: LakeMark)

  package var description: String {
    switch self {
    case .olderGeneration(let found, let served):
      "it is of generation \(found), and generation \(served) has been served"
    case .otherDatabase:
      "it is another copy than the one that was served last"
    case .behind(let found, let known) where found.snapshot < known.snapshot:
      "its newest snapshot is \(found.snapshot.rawValue), and \(known.snapshot.rawValue) has been"
        + " served"
    case .behind:
      "it has issued fewer tokens than have been acknowledged"
    }
  }
}
