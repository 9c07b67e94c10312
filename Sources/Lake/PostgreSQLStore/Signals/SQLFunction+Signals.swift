/// How one process tells the others what it did. `SignalPayload` reads what these functions write:
///
///     c SNAPSHOT TENANT:WATERMARK …   a commit moved these watermarks
///     d TENANT:TOKEN …                somebody waits for these tokens
///     t TENANT …                      tables of these tenants were made, changed or dropped
///     r                               a coordinator has given tenants back
///     m                               something happened that is too much to say: read anew
///
/// All of it is hints: a signal may be lost with a connection, so whoever listens also polls.
extension SQLFunction {
  static let signals = [signalChannel, signal, signalCommitted, signalTablesChanged]

  /// The channel of the lake in the present schema; channels are apart in each database.
  static let signalChannel = SQLFunction(
    "signal_channel",
    """
    () RETURNS TEXT LANGUAGE sql STABLE AS $$
      SELECT 'duckmesh_' || oid FROM pg_namespace WHERE nspname = current_schema()
    $$
    """)

  /// PostgreSQL refuses payloads of 8,000 bytes, and a refusal would undo the commit that it is
  /// part of.
  static let signal = SQLFunction(
    "signal",
    """
    (payload TEXT) RETURNS VOID LANGUAGE sql VOLATILE AS $$
      SELECT pg_notify(
        \(signalChannel.name)(),
        CASE WHEN octet_length(payload) > 7900 THEN 'm' ELSE payload END)
    $$
    """)

  /// Called inside the transaction that commits: the signal is sent if and when it has committed.
  static let signalCommitted = SQLFunction(
    "signal_committed",
    """
    (snapshot BIGINT, tenants BIGINT[], watermarks BIGINT[])
    RETURNS VOID LANGUAGE sql VOLATILE AS $$
      SELECT \(signal.name)('c ' || snapshot || coalesce(
        (SELECT string_agg(' ' || tenant || ':' || watermark, '' ORDER BY tenant)
          FROM unnest(tenants, watermarks) AS moved(tenant, watermark)), ''))
    $$
    """)

  /// Called inside the transaction that makes, changes or drops tables.
  static let signalTablesChanged = SQLFunction(
    "signal_tables_changed",
    """
    (tenants BIGINT[]) RETURNS VOID LANGUAGE sql VOLATILE AS $$
      SELECT \(signal.name)('t ' || array_to_string(tenants, ' '))
    $$
    """)
}
