import Catalog
import IngestBus

/// Why a replay did not go on.
enum ReplayFailure: Error, Equatable {
  /// It ends for good, with this code.
  case ended(String)
  /// It was cancelled, or somebody else has it.
  case lost
  /// Something is out of reach; it is tried again from where it stood.
  case environment(String)
  case stopping

  init(_ error: BusError) {
    if case .damaged = error {
      self = .ended("SEGMENT_DAMAGED")
    } else {
      self = .environment("\(error)")
    }
  }

  init(_ error: CatalogError) { self = .environment("\(error)") }
}
