import DuckDB
import WorkerProtocol

/// The views that stay in a worker from one statement to the next.
///
/// Making a view opens its files and costs more than a small query. A relation that needs no setup
/// is its text and nothing else, so the view that an earlier statement made of the same text, under
/// the same name, is the one that this statement would make. Views read what the worker may read,
/// and a worker has one tenant for life.
///
/// **Invariant:** these are the only things that a worker ever commits to its engine, and before a
/// statement is prepared they are exactly those of its relations that may stay: what the statement
/// does not name, or names with another text (another snapshot, other columns), is gone by then.
/// Whenever a change did not end well, all of them go before the next statement.
///
/// For one thread.
package final class StandingViews {
  package static let maximumCount = 64
  /// Of all of them together. A list of thousands of files is held once here and once by the
  /// engine, and takes long enough to be read that making its view hardly counts.
  package static let maximumTextBytes = 1 << 20

  private struct View: Equatable {
    /// As the catalog spells it.
    let name: String
    let select: String
  }

  private let engine: DuckDBInstance
  /// By the name as the engine compares it; nil while what stands is not known for certain.
  private var standing: [String: View]?

  package init(_ engine: DuckDBInstance) {
    self.engine = engine
    standing = [:]
  }

  /// Leaves exactly those of the relations standing that may.
  ///
  /// - Parameter connection: the statement's own, so that an interrupt reaches what takes long; it
  ///   has no transaction yet.
  /// - Returns: the relations that the statement has to make for itself.
  /// - Throws: what opening the relations came to; the worker is retired when what stands cannot
  ///   be taken down.
  func stand(
    _ relations: [RelationDefinition], on connection: DuckDBConnection
  ) throws(QueryFailure) -> [RelationDefinition] {
    let (wanted, others) = Self.sorted(relations)
    let present = try known()
    guard present != wanted else { return others }
    standing = nil
    do throws(DuckDBError) {
      try Self.change(present, to: wanted, on: connection)
    } catch {
      throw FailureMapping.failure(ofRelations: error)
    }
    standing = wanted
    return others
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

  /// What may stay, and what may not: setup makes tables of the statement's own, and what is beyond
  /// the bounds is too much to hold.
  private static func sorted(
    _ relations: [RelationDefinition]
  ) -> (staying: [String: View], others: [RelationDefinition]) {
    var staying: [String: View] = [:]
    var others: [RelationDefinition] = []
    var textBytes = 0
    for relation in relations {
      let key = SyntaxWalk.folded(relation.name)
      let bytes = relation.select.utf8.count
      guard relation.setup.isEmpty, staying[key] == nil, staying.count < maximumCount,
        textBytes + bytes <= maximumTextBytes
      else {
        others.append(relation)
        continue
      }
      textBytes += bytes
      staying[key] = View(name: relation.name, select: relation.select)
    }
    return (staying, others)
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
