/// Instants are microseconds since 1970 in our own tables, as they are in the embedded catalog.
extension SQLFunction {
  static let clock = [now, timestamp, microseconds]

  /// The database's clock, the only one that leases and snapshots know; `overriding` is null but
  /// in tests, which move time by hand.
  static let now = SQLFunction(
    "now",
    """
    (overriding BIGINT) RETURNS BIGINT LANGUAGE sql VOLATILE AS $$
      SELECT coalesce(overriding, (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT)
    $$
    """)

  /// An instant as DuckLake's tables hold it.
  ///
  /// The body calls what PostgreSQL declares STABLE. Were this function IMMUTABLE, it would not be
  /// taken into the statements that call it, and be planned anew each time they run.
  static let timestamp = SQLFunction(
    "timestamp",
    """
    (instant BIGINT) RETURNS TIMESTAMP WITH TIME ZONE LANGUAGE sql STABLE AS $$
      SELECT 'epoch'::TIMESTAMP WITH TIME ZONE + instant * INTERVAL '1 microsecond'
    $$
    """)

  static let microseconds = SQLFunction(
    "microseconds",
    """
    (instant TIMESTAMP WITH TIME ZONE) RETURNS BIGINT LANGUAGE sql STABLE AS $$
      SELECT (extract(epoch FROM instant) * 1000000)::BIGINT
    $$
    """)
}
