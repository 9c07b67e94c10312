/// Dead letters that are replayed or given up.
///
/// Rows are locked in this order: a tenant's row of leases, then letters by their ids, then what a
/// commit locks.
extension SQLFunction {
  static let replaying = [forgetTombstones, requestReplays, discardLetter, claimReplays]

  /// Forgets deleted keys that no open letter of these tables could bring back.
  static let forgetTombstones = SQLFunction(
    "forget_tombstones",
    """
    (tables BIGINT[]) RETURNS VOID LANGUAGE sql VOLATILE SET enable_seqscan = off AS $$
      DELETE FROM duckmesh_key_tombstone AS gone WHERE gone.table_id = ANY (tables)
        AND NOT EXISTS (SELECT FROM duckmesh_dead_letter AS letter
          WHERE letter.table_id = gone.table_id AND letter.token < gone.token)
    $$
    """)

  static let requestReplays = SQLFunction(
    "request_replays",
    """
    (owned_by BIGINT, letters BIGINT[], payloads BYTEA[], corrected BOOLEAN[], versions BIGINT[])
    RETURNS VOID LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $$
    BEGIN
      PERFORM FROM duckmesh_dead_letter
      WHERE tenant_id = owned_by AND dead_letter_id = ANY (letters)
      ORDER BY dead_letter_id FOR NO KEY UPDATE;
      UPDATE duckmesh_dead_letter AS letter
      SET replay_revision = letter.replay_revision + 1, replay_wanted = TRUE,
        replay_payload = CASE WHEN asked.is_corrected THEN asked.payload END,
        replay_schema_version = asked.version
      FROM unnest(letters, payloads, corrected, versions)
        AS asked(letter, payload, is_corrected, version)
      WHERE letter.dead_letter_id = asked.letter AND letter.tenant_id = owned_by
        AND NOT (letter.replay_wanted AND letter.replay_payload
          IS NOT DISTINCT FROM CASE WHEN asked.is_corrected THEN asked.payload END);
    END $$
    """)

  static let discardLetter = SQLFunction(
    "discard_letter",
    """
    (owned_by BIGINT, letter BIGINT, wall_overriding BIGINT)
    RETURNS VOID LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $$
    DECLARE
      gone RECORD;
    BEGIN
      PERFORM FROM duckmesh_consumer WHERE tenant_id = owned_by FOR NO KEY UPDATE;
      DELETE FROM duckmesh_dead_letter WHERE dead_letter_id = letter AND tenant_id = owned_by
      RETURNING * INTO gone;
      IF NOT FOUND THEN RETURN; END IF;
      INSERT INTO duckmesh_settled_letter(
        dead_letter_id, tenant_id, table_id, token, settlement, settled_at)
      VALUES (letter, owned_by, gone.table_id, gone.token, 'discarded',
        \(now.name)(wall_overriding));
      UPDATE duckmesh_consumer SET discarded = discarded + 1 WHERE tenant_id = owned_by;
      PERFORM \(forgetTombstones.name)(ARRAY[gone.table_id]);
    END $$
    """)

  /// Leases the tenant as `claim` does, for letters instead of events. A row that is locked is
  /// being claimed or committed by somebody else: then there is nothing to have at this moment.
  static let claimReplays = SQLFunction(
    "claim_replays",
    """
    (claimer TEXT, candidate BIGINT, letter_limit BIGINT, byte_limit BIGINT, duration_ms BIGINT,
      clock_override BIGINT)
    RETURNS TABLE (
      epoch BIGINT, watermark BIGINT, letter BIGINT, table_id BIGINT, token BIGINT,
      revision BIGINT, version BIGINT, operation BIGINT, idempotency_key BYTEA, payload BYTEA)
    LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $$
    #variable_conflict use_column
    DECLARE
      consumer RECORD;
      moment BIGINT;
      is_own BOOLEAN;
      next_epoch BIGINT;
    BEGIN
      SELECT * INTO consumer FROM duckmesh_consumer AS known
      WHERE known.tenant_id = candidate FOR NO KEY UPDATE SKIP LOCKED;
      IF NOT FOUND THEN RETURN; END IF;
      PERFORM FROM duckmesh_dead_letter AS waiting
      WHERE waiting.tenant_id = candidate AND waiting.replay_wanted LIMIT 1;
      IF NOT FOUND THEN RETURN; END IF;
      moment := \(now.name)(clock_override);
      is_own := \(isLive.name)(
        consumer.owner, consumer.leased_until, consumer.lease_ms, moment);
      IF is_own AND consumer.owner <> claimer THEN RETURN; END IF;
      next_epoch := consumer.epoch + CASE WHEN is_own THEN 0 ELSE 1 END;
      UPDATE duckmesh_consumer AS known SET epoch = next_epoch, owner = claimer,
        leased_until = moment + duration_ms * 1000, lease_ms = duration_ms
      WHERE known.tenant_id = candidate;
      RETURN QUERY
        SELECT next_epoch, consumer.watermark, ready.dead_letter_id, ready.table_id, ready.token,
          ready.replay_revision, ready.replay_schema_version, ready.operation,
          ready.idempotency_key, ready.content
        FROM (
          SELECT waiting.*, coalesce(waiting.replay_payload, waiting.payload) AS content,
            sum(octet_length(coalesce(waiting.replay_payload, waiting.payload)))
              OVER (ORDER BY waiting.token) - octet_length(
                coalesce(waiting.replay_payload, waiting.payload)) AS bytes_before
          FROM (
            SELECT * FROM duckmesh_dead_letter AS wanted
            WHERE wanted.tenant_id = candidate AND wanted.replay_wanted
            ORDER BY wanted.token LIMIT letter_limit) AS waiting) AS ready
        WHERE ready.bytes_before < byte_limit ORDER BY ready.token;
    END $$
    """)

  /// Each letter must be as it was when it was claimed: nobody has discarded it, and nobody has
  /// asked for it with another payload. Whoever wants to waits from here on.
  static let checkReplays = """
    IF cardinality(replay_letters) > 0 THEN
      PERFORM FROM duckmesh_dead_letter WHERE dead_letter_id = ANY (replay_letters)
      ORDER BY dead_letter_id FOR UPDATE;
      SELECT array_agg(replay.letter) INTO refused
      FROM unnest(replay_letters, replay_tenants, replay_tables, replay_tokens, replay_revisions)
        AS replay(letter, tenant_id, table_id, token, revision)
      WHERE NOT EXISTS (
        SELECT FROM duckmesh_dead_letter AS open WHERE open.dead_letter_id = replay.letter
          AND open.tenant_id = replay.tenant_id AND open.table_id = replay.table_id
          AND open.token = replay.token AND open.replay_revision = replay.revision
          AND open.replay_wanted);
      IF refused IS NOT NULL THEN outcome := 'letters'; RETURN; END IF;
    END IF;
    """

  /// After the commit's own letters are there.
  static let carryOutReplays = """
    IF cardinality(replay_letters) > 0 THEN
      UPDATE duckmesh_dead_letter AS open SET reason = replay.reason, message = replay.message,
        replay_wanted = FALSE, replay_payload = NULL
      FROM unnest(replay_letters, replay_settlements, replay_reasons, replay_messages)
        AS replay(letter, settlement, reason, message)
      WHERE open.dead_letter_id = replay.letter AND replay.settlement = '';
      INSERT INTO duckmesh_settled_letter(
        dead_letter_id, tenant_id, table_id, token, settlement, snapshot_id, settled_at)
      SELECT letter, tenant_id, table_id, token, settlement, opening.opened, instant
      FROM unnest(replay_letters, replay_tenants, replay_tables, replay_tokens,
          replay_settlements) AS replay(letter, tenant_id, table_id, token, settlement)
      WHERE settlement <> '';
      DELETE FROM duckmesh_dead_letter AS open
      USING unnest(replay_letters, replay_settlements) AS replay(letter, settlement)
      WHERE open.dead_letter_id = replay.letter AND replay.settlement <> '';
    END IF;
    IF cardinality(tombstone_tables) > 0 THEN
      INSERT INTO duckmesh_key_tombstone AS kept(table_id, key_hash, token)
      SELECT gone.table_id, gone.key_hash, max(gone.token)
      FROM unnest(tombstone_tables, tombstone_hashes, tombstone_tokens)
        AS gone(table_id, key_hash, token)
      WHERE EXISTS (SELECT FROM duckmesh_dead_letter AS open
        WHERE open.table_id = gone.table_id AND open.token < gone.token)
      GROUP BY gone.table_id, gone.key_hash
      ON CONFLICT (table_id, key_hash) DO UPDATE SET token = greatest(kept.token, excluded.token);
    END IF;
    IF cardinality(replay_letters) > 0 THEN
      PERFORM \(forgetTombstones.name)(replay_tables);
    END IF;
    """
}
