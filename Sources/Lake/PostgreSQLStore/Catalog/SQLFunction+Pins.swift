import LakeTables

extension SQLFunction {
  /// Pins a snapshot of a tenant's, or gives a pin that is there a new name and end. `outcome` is
  /// `pinned`, `missing` (no such snapshot) or `limit`.
  ///
  /// The lake's head is locked, as expiry does before it reads the pins.
  static let pinSnapshot = SQLFunction(
    "pin_snapshot",
    """
    (pinning_tenant BIGINT, pinned BIGINT, given_name TEXT, ends_at BIGINT, most BIGINT,
      overriding BIGINT, OUT outcome TEXT, OUT pinned_at BIGINT)
    LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
      PERFORM FROM duckmesh_lake_head FOR NO KEY UPDATE;
      pinned_at := \(now.name)(overriding);
      DELETE FROM duckmesh_pin WHERE expires_at <= pinned_at;
      IF NOT EXISTS (
        SELECT FROM duckmesh_watermark AS mark JOIN ducklake_snapshot USING (snapshot_id)
        WHERE mark.tenant_id = pinning_tenant AND mark.snapshot_id = pinned)
      THEN outcome := 'missing'; RETURN; END IF;
      IF (SELECT count(*) FROM duckmesh_pin AS other WHERE other.tenant_id = pinning_tenant
        AND other.holder = '' AND other.first_snapshot <> pinned) >= most
      THEN outcome := 'limit'; RETURN; END IF;
      INSERT INTO duckmesh_pin(tenant_id, holder, first_snapshot, last_snapshot, pin_name,
        created_at, expires_at)
      VALUES (pinning_tenant, '', pinned, pinned, given_name, pinned_at, ends_at)
      ON CONFLICT (tenant_id, holder, first_snapshot) DO UPDATE SET
        pin_name = excluded.pin_name, created_at = excluded.created_at,
        expires_at = excluded.expires_at;
      outcome := 'pinned';
    END $$
    """)

  /// Keeps a range of snapshots while it is read. `outcome` is `held`, `missing` or `limit`.
  static let holdSnapshots = SQLFunction(
    "hold_snapshots",
    """
    (holding_tenant BIGINT, hold_name TEXT, oldest BIGINT, newest BIGINT, length_ms BIGINT,
      most BIGINT, overriding BIGINT, OUT outcome TEXT)
    LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
      instant BIGINT;
    BEGIN
      PERFORM FROM duckmesh_lake_head FOR NO KEY UPDATE;
      instant := \(now.name)(overriding);
      DELETE FROM duckmesh_pin WHERE expires_at <= instant;
      IF NOT EXISTS (SELECT FROM ducklake_snapshot WHERE snapshot_id = oldest)
      THEN outcome := 'missing'; RETURN; END IF;
      IF (SELECT count(*) FROM duckmesh_pin AS other WHERE other.tenant_id = holding_tenant
        AND other.holder <> '') >= most
      THEN outcome := 'limit'; RETURN; END IF;
      INSERT INTO duckmesh_pin(tenant_id, holder, first_snapshot, last_snapshot, created_at,
        expires_at)
      VALUES (holding_tenant, hold_name, oldest, newest, instant, instant + length_ms * 1000);
      outcome := 'held';
    END $$
    """)

  static let pins = [pinSnapshot, holdSnapshots]
}
