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
  static let timestamp = SQLFunction(
    "timestamp",
    """
    (instant BIGINT) RETURNS TIMESTAMP WITH TIME ZONE LANGUAGE sql IMMUTABLE AS $$
      SELECT 'epoch'::TIMESTAMP WITH TIME ZONE + instant * INTERVAL '1 microsecond'
    $$
    """)

  static let microseconds = SQLFunction(
    "microseconds",
    """
    (instant TIMESTAMP WITH TIME ZONE) RETURNS BIGINT LANGUAGE sql IMMUTABLE AS $$
      SELECT (extract(epoch FROM instant) * 1000000)::BIGINT
    $$
    """)
}
