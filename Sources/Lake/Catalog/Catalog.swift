/// The catalog: tenants, tables, snapshots, commits and upkeep over one database.
///
/// The parts are protocols of their own so that each caller sees only what it needs. The
/// conformance suite holds every backend to the contracts written on them.
package typealias Catalog = TableCatalog & SnapshotCatalog & CommitCatalog & MaintenanceCatalog
  & DeadLetterCatalog & PinCatalog & ChangeCatalog & RestoreCatalog
