import Consistency
import LakeTables

/// Publishing one batch, and the register of uploads.
extension SQLFunction {
  static let batches = [publishBatch, collectableUploads]

  /// Outcomes: 0 accepted, 1 duplicate, 2 key reused, 3 table gone, 4 schema changed, 5 producer
  /// fenced, 6 producer's gap, 7 upload expired. `told` is the epoch or the sequence of 5 and 6.
  ///
  /// The rules of `ProducerRules`; everything is read after the tenant's head is locked.
  static let publishBatch = SQLFunction(
    "publish_batch",
    """
    (
      publisher BIGINT, target BIGINT, version BIGINT, batch_key UUID, batch_content BIGINT,
      records BIGINT, bytes BIGINT, segment_body BYTEA, upload TEXT, producer_id UUID,
      producer_epoch BIGINT, producer_sequence BIGINT, clock_override BIGINT,
      lease_override BIGINT, OUT outcome INTEGER, OUT first BIGINT, OUT count BIGINT,
      OUT told BIGINT)
    LANGUAGE plpgsql AS $$
    DECLARE
      now_microseconds BIGINT;
      head_before BIGINT;
      known_version BIGINT;
      known RECORD;
      state RECORD;
      is_known BOOLEAN;
    BEGIN
      SELECT head INTO head_before FROM duckmesh_head WHERE tenant_id = publisher
      FOR NO KEY UPDATE;
      SELECT schema_version INTO known_version FROM duckmesh_table
      WHERE table_id = target AND tenant_id = publisher AND dropped_snapshot IS NULL;
      IF head_before IS NULL OR known_version IS NULL THEN outcome := 3; RETURN; END IF;
      now_microseconds := \(now.name)(clock_override);
      SELECT token, token_count, content INTO known FROM duckmesh_key WHERE key = batch_key;
      is_known := FOUND;
      IF producer_id IS NOT NULL THEN
        SELECT epoch, sequence INTO state FROM duckmesh_producer WHERE producer = producer_id;
        IF FOUND AND producer_epoch < state.epoch THEN
          outcome := 5; told := state.epoch; RETURN;
        ELSIF FOUND AND producer_epoch = state.epoch THEN
          IF producer_sequence > state.sequence THEN
            IF producer_sequence - state.sequence > 1 THEN
              outcome := 6; told := state.sequence + 1; RETURN;
            END IF;
          ELSIF producer_sequence <= state.sequence - \(ProducerRules.remembered) OR NOT is_known
          THEN
            outcome := 6;
            told := CASE WHEN state.sequence < 9223372036854775807 THEN state.sequence + 1
              ELSE state.sequence END;
            RETURN;
          END IF;
        END IF;
      END IF;
      IF is_known THEN
        outcome := CASE WHEN known.content = batch_content THEN 1 ELSE 2 END;
        first := known.token;
        count := known.token_count;
        RETURN;
      END IF;
      IF known_version <> version THEN outcome := 4; RETURN; END IF;
      IF upload IS NOT NULL THEN
        UPDATE duckmesh_upload SET phase = \(UploadPhase.named.rawValue),
          last_token = head_before + records
        WHERE upload_id = upload AND phase = \(UploadPhase.staging.rawValue)
          AND leased_until > \(now.name)(lease_override);
        IF NOT FOUND THEN outcome := 7; RETURN; END IF;
      END IF;
      INSERT INTO duckmesh_key(key, token, content, table_id, day, token_count)
      VALUES (batch_key, head_before + 1, batch_content, target,
        now_microseconds / 86400000000, records);
      IF producer_id IS NOT NULL THEN
        INSERT INTO duckmesh_producer AS stored
        VALUES (producer_id, target, producer_epoch, producer_sequence,
          now_microseconds / 86400000000)
        ON CONFLICT (producer) DO UPDATE SET epoch = excluded.epoch,
          sequence = excluded.sequence, day = excluded.day;
      END IF;
      INSERT INTO duckmesh_segment(tenant_id, first_token, last_token, record_count, byte_count,
        published_at, body)
      VALUES (publisher, head_before + 1, head_before + records, records, bytes,
        now_microseconds, segment_body);
      UPDATE duckmesh_head SET head = head_before + records WHERE tenant_id = publisher;
      outcome := 0;
      first := head_before + 1;
      count := records;
    END $$
    """)

  static let collectableUploads = SQLFunction(
    "collectable_uploads",
    """
    (settled_seconds BIGINT, row_limit BIGINT, clock_override BIGINT, lease_override BIGINT)
    RETURNS TEXT[] LANGUAGE plpgsql AS $$
    DECLARE
      now_microseconds BIGINT := \(now.name)(clock_override);
      found TEXT[];
    BEGIN
      UPDATE duckmesh_upload SET phase = \(UploadPhase.abandoned.rawValue)
      WHERE phase = \(UploadPhase.staging.rawValue)
        AND leased_until <= \(now.name)(lease_override);
      UPDATE duckmesh_upload AS held
      SET phase = \(UploadPhase.settled.rawValue), settled_at = now_microseconds
      FROM duckmesh_consumer AS consumer
      WHERE held.phase = \(UploadPhase.named.rawValue)
        AND consumer.tenant_id = held.tenant_id AND held.last_token <= consumer.watermark;
      SELECT array_agg(upload_id) INTO found FROM (
        SELECT upload_id FROM duckmesh_upload
        WHERE phase = \(UploadPhase.abandoned.rawValue)
          OR (phase = \(UploadPhase.settled.rawValue)
            AND settled_at <= now_microseconds - settled_seconds * 1000000)
        ORDER BY upload_id LIMIT row_limit) AS listed;
      RETURN coalesce(found, '{}');
    END $$
    """)
}
