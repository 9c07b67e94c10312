import DuckDB
import WorkerProtocol

/// The views that stay in a worker from one statement to the next.
///
/// Making a view opens its files and costs more than a small query. A relation that needs no setup
/// is its text and nothing else, so the view that an earlier statement made of the same text, under
/// the same name, is the one that this statement would make. Views read what the worker may read,
/// and a worker has one tenant for life.
///
/// What two statements running ask for is made to stand (those without tables do not count). A
/// statement that asks for something else takes down what it must not see in its own transaction,
/// which is never committed: that costs a third of making a view, and `maximumMisses` bounds how
/// often it is for nothing.
///
/// **Invariant:** these views are the only things that a worker ever commits to its engine; with
/// what `place` leaves to the statement's transaction, its `main` holds exactly its own relations,
/// with their own texts, before anything of the tenant's is prepared. Whenever a change did not end
/// well, all of them go before the next statement.
///
/// For one thread.
package final class StandingViews {
  package static let maximumCount = 64
  /// Of all of them together. A list of thousands of files is held once here and once by the
  /// engine, and takes long enough to be read that making its view hardly counts.
  package static let maximumTextBytes = 1 << 20
  /// Statements running that ask for something else, after which nothing stands any more.
  package static let maximumMisses = 8

  /// What a statement has to do in a transaction of its own.
  struct Remainder {
    /// Views of other statements, to be taken down.
    var foreign: [String] = []
    /// Relations to make, in place of what stands under their names.
    var own: [RelationDefinition] = []
  }

  private struct View: Equatable {
    /// As the catalog spells it.
    let name: String
    let select: String
  }

  private let engine: DuckDBInstance
  /// By the name as the engine compares it; nil while what stands is not known for certain.
  private var standing: [String: View]?
  /// What the statement before asked for, of what may stay.
  private var previous: [String: View] = [:]
  private var misses = 0

  package init(_ engine: DuckDBInstance) {
    self.engine = engine
    standing = [:]
  }

  /// Finds what of the relations stands, and makes stand what is asked for again.
  ///
  /// - Parameter connection: the statement's own, so that an interrupt reaches what takes long; it
  ///   has no transaction yet.
  /// - Throws: what opening the relations came to; the worker is retired when what stands cannot
  ///   be taken down.
  func place(
    _ relations: [RelationDefinition], on connection: DuckDBConnection
  ) throws(QueryFailure) -> Remainder {
    let wanted = Self.staying(relations)
    var present = try known()
    if let target = target(from: present, wanted) {
      standing = nil
      do throws(DuckDBError) {
        try Self.change(present, to: target, on: connection)
      } catch {
        throw FailureMapping.failure(ofRelations: error)
      }
      standing = target
      present = target
    }
    var remainder = Remainder()
    let named = Set(relations.map { SyntaxWalk.folded($0.name) })
    remainder.foreign = present.filter { !named.contains($0.key) }.map(\.value.name).sorted()
    remainder.own = relations.filter { relation in
      let key = SyntaxWalk.folded(relation.name)
      return present[key] == nil || present[key] != wanted[key]
    }
    return remainder
  }

  /// What is to stand from now on; nil when that is what stands.
  private func target(
    from present: [String: View], _ wanted: [String: View]
  ) -> [String: View]? {
    let isAgain = wanted == previous
    // Statements without tables come between others and say nothing about those.
    if !wanted.isEmpty { previous = wanted }
    guard wanted != present else {
      misses = 0
      return nil
    }
    if isAgain && !wanted.isEmpty {
      misses = 0
      return wanted
    }
    misses += 1
    return present.isEmpty || misses < Self.maximumMisses ? nil : [:]
  }

  private static func change(
    _ present: [String: View], to wanted: [String: View], on connection: DuckDBConnection
  ) throws(DuckDBError) {
    for (key, view) in present where wanted[key] == nil {
      try connection.execute("DROP VIEW main.\(sqlIdentifier(view.name))")
    }
    for (key, view) in wanted.sorted(by: { $0.key < $1.key }) where present[key] != view {
      let verb = present[key] == nil ? "CREATE" : "CREATE OR REPLACE"
      try connection.execute("\(verb) VIEW main.\(sqlIdentifier(view.name)) AS \(view.select)")
    }
  }

  /// What may stay: setup makes tables of the statement's own, and what is beyond the bounds is too
  /// much to hold.
  private static func staying(_ relations: [RelationDefinition]) -> [String: View] {
    var staying: [String: View] = [:]
    var textBytes = 0
    for relation in relations where relation.setup.isEmpty && staying.count < maximumCount {
      let bytes = relation.select.utf8.count
      guard textBytes + bytes <= maximumTextBytes else { continue }
      textBytes += bytes
      staying[SyntaxWalk.folded(relation.name)] = View(
        name: relation.name, select: relation.select)
    }
    return staying
  }

  /// What stands; nothing after a change that did not end well.
  private func known() throws(QueryFailure) -> [String: View] {
    if let standing { return standing }
    do throws(DuckDBError) {
      // A connection that no interrupt reaches, and the engine's word rather than ours.
      let connection = try engine.connect()
      let left = try connection.query(
        "SELECT view_name FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal")
      for row in left.rows {
        guard let name = row.first?.string else { continue }
        try connection.execute("DROP VIEW main.\(sqlIdentifier(name))")
      }
    } catch {
      throw QueryFailure(
        .workerBroken, "the query's tables could not be opened", retiresWorker: true)
    }
    standing = [:]
    return [:]
  }
}
