/// Publishing: one call, one transaction, one round trip.
///
/// Groups come as arrays: tenants (ascending, each once) with their segments' bodies; the tables
/// that the requests name, each with its place among the tenants and the schema version that the
/// records were checked against; requests with their place among the tables; records with their
/// place among the requests. All places count from 1, records are in the order of their tenants.
///
/// Three ways lead to the same result, from the fastest to the most general, each undone by a
/// savepoint before the next is tried:
///
/// 1. every key is new and every table as it was: insert all (the ordinary case);
/// 2. some keys are there, or some requests are refused: look all keys up, insert the rest;
/// 3. a key stands twice in the group: record after record, since what becomes of the second
///    depends on what became of the first.
///
/// The function reads in READ COMMITTED: each statement has a new snapshot, so the look-up after
/// the heads are locked sees every key of these tenants. A single statement would wait for the
/// heads and still look the keys up in the snapshot from before the wait.
extension SQLFunction {
  static let publish = SQLFunction(
    "publish",
    """
    (
      tenants BIGINT[], record_counts BIGINT[], byte_counts BIGINT[], bodies BYTEA[],
      table_tenants INTEGER[], table_ids BIGINT[], table_versions BIGINT[],
      request_tables INTEGER[], record_keys UUID[], record_contents BIGINT[],
      record_requests INTEGER[], clock_override BIGINT,
      OUT old_heads BIGINT[], OUT new_heads BIGINT[], OUT outcomes INTEGER[],
      OUT conflicts INTEGER[], OUT duplicates INTEGER[], OUT duplicate_tokens BIGINT[])
    LANGUAGE plpgsql AS $$
    DECLARE
      now_microseconds BIGINT;
      today BIGINT;
      bases BIGINT[];
      table_outcomes INTEGER[];
    BEGIN
      -- The only place where publishers of a tenant wait for each other and for table changes.
      SELECT array_agg(locked.head ORDER BY locked.tenant_id) INTO old_heads FROM (
        SELECT tenant_id, head FROM duckmesh_head WHERE tenant_id = ANY (tenants)
        ORDER BY tenant_id FOR NO KEY UPDATE) AS locked;
      IF coalesce(cardinality(old_heads), 0) <> cardinality(tenants) THEN
        -- A head is made with its tenant: without one its tables are gone as well.
        SELECT array_agg(locked.head ORDER BY place) INTO old_heads
        FROM unnest(tenants) WITH ORDINALITY AS asked(tenant_id, place) LEFT JOIN (
          SELECT tenant_id, head FROM duckmesh_head WHERE tenant_id = ANY (tenants)
          ORDER BY tenant_id FOR NO KEY UPDATE) AS locked USING (tenant_id);
      END IF;
      now_microseconds := \(now.name)(clock_override);
      today := now_microseconds / 86400000000;

      -- A join could be planned as a look at every table for each that is asked for.
      SELECT array_agg(CASE WHEN old_heads[asked.tenant] IS NULL THEN 1 ELSE coalesce((
        SELECT CASE WHEN known.schema_version <> asked.version THEN 2 ELSE 0 END
        FROM (SELECT * FROM duckmesh_table WHERE table_id = asked.id OFFSET 0) AS known
        WHERE known.tenant_id = tenants[asked.tenant] AND known.dropped_snapshot IS NULL), 1)
        END ORDER BY asked.place)
      INTO table_outcomes
      FROM unnest(table_tenants, table_ids, table_versions)
        WITH ORDINALITY AS asked(tenant, id, version, place);

      IF 0 = ALL (table_outcomes) THEN
        SELECT array_agg(old_heads[place] - before ORDER BY place),
          array_agg(old_heads[place] + count ORDER BY place)
        INTO bases, new_heads FROM (
          SELECT place::INTEGER, count,
            coalesce(sum(count) OVER (ORDER BY place
              ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::BIGINT AS before
          FROM unnest(record_counts) WITH ORDINALITY AS counted(count, place)) AS summed;
        BEGIN
          INSERT INTO duckmesh_key(key, token, content, table_id, day)
          SELECT key, bases[table_tenants[request_tables[request]]] + place, content,
            table_ids[request_tables[request]], today
          FROM unnest(record_keys, record_contents, record_requests)
            WITH ORDINALITY AS record(key, content, request, place);
          INSERT INTO duckmesh_segment(tenant_id, first_token, last_token, record_count,
            byte_count, published_at, body)
          SELECT tenant_id, old_heads[place] + 1, new_heads[place], records, bytes,
            now_microseconds, body
          FROM unnest(tenants, record_counts, byte_counts, bodies)
            WITH ORDINALITY AS batch(tenant_id, records, bytes, body, place)
          WHERE records > 0;
          UPDATE duckmesh_head AS head SET head = batch.head
          FROM unnest(tenants, new_heads) AS batch(tenant_id, head)
          WHERE head.tenant_id = batch.tenant_id;
          RETURN;
        EXCEPTION WHEN unique_violation THEN
          NULL;
        END;
      END IF;

      SELECT published.new_heads, published.outcomes, published.conflicts, published.duplicates,
        published.duplicate_tokens
      INTO new_heads, outcomes, conflicts, duplicates, duplicate_tokens
      FROM \(publishLookingUp.name)(
        tenants, record_counts, byte_counts, bodies, table_tenants, table_ids, table_outcomes,
        request_tables, record_keys, record_contents, record_requests, old_heads,
        now_microseconds) AS published;
    END $$
    """)

  /// The general ways, under the locks that `publish` holds.
  ///
  /// No join but by index: publishing connections have hash and merge joins switched off, for the
  /// sake of the plans that are made while the tables are empty.
  private static let publishLookingUp = SQLFunction(
    "publish_looking_up",
    """
    (
      tenants BIGINT[], record_counts BIGINT[], byte_counts BIGINT[], bodies BYTEA[],
      table_tenants INTEGER[], table_ids BIGINT[], table_outcomes INTEGER[],
      request_tables INTEGER[], record_keys UUID[], record_contents BIGINT[],
      record_requests INTEGER[], old_heads BIGINT[], now_microseconds BIGINT,
      OUT new_heads BIGINT[], OUT outcomes INTEGER[], OUT conflicts INTEGER[],
      OUT duplicates INTEGER[], OUT duplicate_tokens BIGINT[])
    LANGUAGE plpgsql AS $$
    DECLARE
      today BIGINT := now_microseconds / 86400000000;
      found RECORD;
      skipped_places INTEGER[];
      batch_start BIGINT := 0;
    BEGIN
      SELECT array_agg(table_outcomes[request_table] ORDER BY place) INTO outcomes
      FROM unnest(request_tables) WITH ORDINALITY AS asked(request_table, place);
      IF (SELECT count(DISTINCT key) FROM unnest(record_keys) AS key)
        < cardinality(record_keys) THEN
        SELECT walked.new_heads, walked.outcomes, walked.conflicts, walked.duplicates,
          walked.duplicate_tokens, walked.skipped_places
        INTO new_heads, outcomes, conflicts, duplicates, duplicate_tokens, skipped_places
        FROM \(publishOneByOne.name)(
          table_tenants, table_ids, request_tables, record_keys, record_contents, record_requests,
          outcomes, old_heads, today) AS walked;
      ELSE
        WITH looked_up AS (
          SELECT record.key, record.content, record.request, record.place::INTEGER AS place,
            present.token, present.content <> record.content AS differs
          FROM unnest(record_keys, record_contents, record_requests)
            WITH ORDINALITY AS record(key, content, request, place)
          -- One index look-up a key, whatever the planner thinks of the table's size.
          LEFT JOIN LATERAL (
            SELECT stored.token, stored.content FROM duckmesh_key AS stored
            WHERE stored.key = record.key OFFSET 0) AS present ON TRUE),
        judged AS (
          SELECT *, table_tenants[request_tables[request]] AS tenant,
            (min(place) FILTER (WHERE differs) OVER of_request - min(place) OVER of_request + 1
            )::INTEGER AS conflict
          FROM looked_up WINDOW of_request AS (PARTITION BY request)),
        kept AS (
          SELECT *, outcomes[request] <> 0 OR conflict IS NOT NULL AS is_refused FROM judged),
        numbered AS (
          SELECT *, count(*) FILTER (WHERE token IS NULL AND NOT is_refused)
            OVER (PARTITION BY tenant ORDER BY place) AS number
          FROM kept),
        inserted AS (
          INSERT INTO duckmesh_key(key, token, content, table_id, day)
          SELECT key, old_heads[tenant] + number, content,
            table_ids[request_tables[request]], today
          FROM numbered WHERE token IS NULL AND NOT is_refused),
        advanced AS (
          SELECT tenant, max(number) AS count FROM numbered GROUP BY tenant),
        refused AS (
          SELECT request, min(conflict) AS conflict FROM numbered
          WHERE outcomes[request] = 0 AND conflict IS NOT NULL GROUP BY request)
        SELECT
          (SELECT array_agg(tenant ORDER BY tenant) FROM advanced) AS advanced_tenants,
          (SELECT array_agg(count ORDER BY tenant) FROM advanced) AS advanced_counts,
          (SELECT array_agg(request ORDER BY request) FROM refused) AS refused_requests,
          (SELECT array_agg(conflict ORDER BY request) FROM refused) AS refused_conflicts,
          array_agg(place ORDER BY place) FILTER (WHERE token IS NOT NULL AND NOT is_refused)
            AS duplicates,
          array_agg(token ORDER BY place) FILTER (WHERE token IS NOT NULL AND NOT is_refused)
            AS duplicate_tokens,
          array_agg(place ORDER BY place) FILTER (WHERE token IS NOT NULL OR is_refused)
            AS skipped_places
        INTO found FROM numbered;
        new_heads := old_heads;
        FOR place IN 1 .. coalesce(cardinality(found.advanced_tenants), 0) LOOP
          new_heads[found.advanced_tenants[place]] :=
            new_heads[found.advanced_tenants[place]] + found.advanced_counts[place];
        END LOOP;
        conflicts := array_fill(NULL::INTEGER, ARRAY[cardinality(request_tables)]);
        FOR place IN 1 .. coalesce(cardinality(found.refused_requests), 0) LOOP
          outcomes[found.refused_requests[place]] := 3;
          conflicts[found.refused_requests[place]] := found.refused_conflicts[place];
        END LOOP;
        duplicates := found.duplicates;
        duplicate_tokens := found.duplicate_tokens;
        skipped_places := found.skipped_places;
      END IF;

      FOR batch IN 1 .. cardinality(tenants) LOOP
        -- A tenant with nothing new gets no segment.
        IF new_heads[batch] > old_heads[batch] THEN
          INSERT INTO duckmesh_segment(tenant_id, first_token, last_token, record_count,
            byte_count, published_at, skipped, body)
          VALUES (tenants[batch], old_heads[batch] + 1, new_heads[batch], record_counts[batch],
            byte_counts[batch], now_microseconds,
            (SELECT array_agg((skipped - batch_start - 1)::INTEGER ORDER BY skipped)
              FROM unnest(skipped_places) AS skipped
              WHERE skipped > batch_start AND skipped <= batch_start + record_counts[batch]),
            bodies[batch]);
          UPDATE duckmesh_head SET head = new_heads[batch] WHERE tenant_id = tenants[batch];
        END IF;
        batch_start := batch_start + record_counts[batch];
      END LOOP;
    END $$
    """)

  private static let publishOneByOne = SQLFunction(
    "publish_one_by_one",
    """
    (
      table_tenants INTEGER[], table_ids BIGINT[], request_tables INTEGER[], record_keys UUID[],
      record_contents BIGINT[], record_requests INTEGER[], INOUT outcomes INTEGER[],
      old_heads BIGINT[], today BIGINT, OUT new_heads BIGINT[], OUT conflicts INTEGER[],
      OUT duplicates INTEGER[], OUT duplicate_tokens BIGINT[], OUT skipped_places INTEGER[])
    LANGUAGE plpgsql AS $$
    DECLARE
      place INTEGER := 1;
      request INTEGER := 0;
      request_start INTEGER;
      request_duplicates INTEGER;
      request_head BIGINT;
      tenant INTEGER;
      stored RECORD;
    BEGIN
      new_heads := old_heads;
      conflicts := array_fill(NULL::INTEGER, ARRAY[cardinality(request_tables)]);
      duplicates := ARRAY[]::INTEGER[];
      duplicate_tokens := ARRAY[]::BIGINT[];
      WHILE place <= cardinality(record_keys) LOOP
        IF record_requests[place] <> request THEN
          request := record_requests[place];
          request_start := place;
          request_duplicates := cardinality(duplicates);
          tenant := table_tenants[request_tables[request]];
          request_head := new_heads[tenant];
        END IF;
        IF outcomes[request] = 0 THEN
          INSERT INTO duckmesh_key(key, token, content, table_id, day)
          VALUES (record_keys[place], new_heads[tenant] + 1, record_contents[place],
            table_ids[request_tables[request]], today)
          ON CONFLICT (key) DO NOTHING;
          IF FOUND THEN
            new_heads[tenant] := new_heads[tenant] + 1;
          ELSE
            SELECT key.token, key.content INTO stored FROM duckmesh_key AS key
            WHERE key.key = record_keys[place];
            IF stored.content = record_contents[place] THEN
              duplicates := duplicates || place;
              duplicate_tokens := duplicate_tokens || stored.token;
            ELSE
              -- The whole request is undone; its tokens go to whoever comes next.
              DELETE FROM duckmesh_key
              WHERE key = ANY (record_keys[request_start:place]) AND token > request_head
                AND table_id = table_ids[request_tables[request]];
              new_heads[tenant] := request_head;
              duplicates := duplicates[1:request_duplicates];
              duplicate_tokens := duplicate_tokens[1:request_duplicates];
              outcomes[request] := 3;
              conflicts[request] := place - request_start + 1;
            END IF;
          END IF;
        END IF;
        place := place + 1;
      END LOOP;
      SELECT array_agg(record.place ORDER BY record.place) INTO skipped_places
      FROM unnest(record_requests) WITH ORDINALITY AS record(request, place)
      WHERE outcomes[record.request] <> 0 OR record.place = ANY (duplicates);
    END $$
    """)

  static let publishing = [publishOneByOne, publishLookingUp, publish]
}
