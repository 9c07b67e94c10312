import LakeTables

extension Migration {
  /// Processes that tell each other that they are alive.
  static let membership = Migration(
    version: 2, name: "membership",
    up: [
      """
      CREATE TABLE duckmesh_member(
        owner TEXT COLLATE "C" PRIMARY KEY, role TEXT NOT NULL, seen_at BIGINT NOT NULL,
        lifetime_ms BIGINT NOT NULL)
      WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)
      """
    ], down: ["DROP TABLE IF EXISTS duckmesh_member"])
}
