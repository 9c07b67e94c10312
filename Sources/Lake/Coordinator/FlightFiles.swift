import ObjectStore

/// The files that a flight has made and that no commit names yet.
///
/// A flight that fails takes them away again: a full disk would otherwise be filled further by each
/// attempt. Only where a commit's outcome stays unknown are they left alone; the collector of
/// orphans
/// has them if nobody names them.
struct FlightFiles: Sendable {
  private var stagedPaths: Set<String> = []
  private var keys: Set<String> = []

  mutating func willStage(_ path: String) { stagedPaths.insert(path) }

  /// The objects may be there from now on, whether putting them succeeds or not.
  mutating func willPut(_ objects: [StagedObject]) { keys.formUnion(objects.map(\.key)) }

  mutating func didPut(_ objects: [StagedObject]) {
    stagedPaths.subtract(objects.map(\.localPath))
  }

  /// The catalog names them, or may name them.
  mutating func keep(_ kept: some Sequence<String>) { keys.subtract(kept) }

  mutating func keepAll() { keys = [] }

  /// Takes away what is left; what cannot be taken away is an orphan.
  func discard(from store: any ObjectStore) async {
    if !stagedPaths.isEmpty { try? await store.discard(stagedPaths: stagedPaths.sorted()) }
    if !keys.isEmpty { try? await store.delete(keys.sorted()) }
  }
}
