import Consistency
import ObjectStore

/// The files that a flight has made, by the draft that each belongs to.
///
/// A flight that fails takes them away again: a full disk would otherwise be filled further by each
/// attempt. Which of those in the store may be taken away, `FlightProtocol` decides; the collector
/// of orphans has the others if nobody names them.
struct FlightFiles: Sendable {
  private var stagedPaths: Set<String> = []
  private var keys: [FlightProtocol.Draft: [String]] = [:]

  mutating func willStage(_ paths: [String]) { stagedPaths.formUnion(paths) }

  /// The objects may be there from now on, whether putting them succeeds or not.
  mutating func willPut(_ objects: [(draft: FlightProtocol.Draft, object: StagedObject)]) {
    for (draft, object) in objects { keys[draft, default: []].append(object.key) }
  }

  mutating func didPut(_ objects: [(draft: FlightProtocol.Draft, object: StagedObject)]) {
    stagedPaths.subtract(objects.map(\.object.localPath))
  }

  /// Takes away the drafts given up and all that is staged; what cannot be taken away is an orphan.
  func discard(_ drafts: [FlightProtocol.Draft], from store: any ObjectStore) async {
    if !stagedPaths.isEmpty { try? await store.discard(stagedPaths: stagedPaths.sorted()) }
    let given = drafts.flatMap { keys[$0] ?? [] }
    if !given.isEmpty { try? await store.delete(given.sorted()) }
  }
}
