import Model

extension Setting {
  /// Every setting, in the order of the documentation.
  package static let all: [Setting] =
    general + access + catalogLimits + requestLimits + batchLimits + queryLimits + rateLimits
    + publishLimits + coordinatorLimits + maintenanceLimits + workerLimits + serverLimits

  private static func text(
    _ variable: String, _ defaultText: String, allowed: String, _ help: String
  ) -> Setting {
    Setting(
      variable: variable, kind: .text(defaultText: defaultText, allowed: allowed), help: help)
  }

  private static func count(
    _ variable: String, _ path: any WritableKeyPath<Limits, Int> & Sendable,
    _ range: ClosedRange<Int>, defaultText: String? = nil, _ help: String
  ) -> Setting {
    Setting(
      variable: variable, kind: .number(NumberSetting(path, range, defaultText: defaultText)),
      help: help)
  }

  private static func bytes(
    _ variable: String, _ path: any WritableKeyPath<Limits, Int> & Sendable,
    _ range: ClosedRange<Int>, defaultText: String? = nil, _ help: String
  ) -> Setting {
    Setting(
      variable: variable,
      kind: .number(NumberSetting(path, range, isBytes: true, defaultText: defaultText)),
      help: help)
  }

  private static let general = [
    text(
      "DUCKMESH_HTTP_ADDR", "127.0.0.1:8080", allowed: "IP address or localhost, and port",
      "Where the server listens; port 0 takes a free one."),
    text(
      "DUCKMESH_DATA_DIR", "./duckmesh-data", allowed: "path",
      "Folder of the embedded catalog, the bus and, by default, the data files."),
    Setting(
      variable: "DUCKMESH_CATALOG_DSN",
      kind: .secret(allowed: "empty, sqlite, postgres://USER:PASSWORD@HOST/DATABASE?OPTIONS"),
      help: """
        The catalog; empty and sqlite are the embedded one in the data folder. The options of a \
        PostgreSQL URI are libpq's (sslmode, sslrootcert, …) and schema, which names the schema \
        that holds the lake.
        """),
    Setting(
      variable: "DUCKMESH_CATALOG_MIGRATE",
      kind: .choice(CatalogMigration.allCases.map(\.rawValue), defaultText: "auto"),
      help: """
        Whether a starting server brings the catalog to its own version; with off it refuses one \
        that is older, and duckmesh migrate does it.
        """),
    Setting(
      variable: "DUCKMESH_BUS",
      kind: .choice(BusBackend.allCases.map(\.rawValue), defaultText: "that of the catalog"),
      help: "The ingest bus, which is in the catalog's database."),
    text(
      "DUCKMESH_OBJECT_STORE", "the data folder", allowed: "file:// and a path",
      "Where data files are kept; several processes over one catalog name the same folder."),
    text(
      "DUCKMESH_ROLES", "api,query,coordinator,maintenance",
      allowed: "list of api, query, coordinator, maintenance",
      "What this process does; the embedded catalog needs all roles in one process."),
    Setting(
      variable: "DUCKMESH_LOG_LEVEL",
      kind: .choice(["debug", "info", "warning", "error"], defaultText: "info"),
      help: "The least level of log lines that are written."),
  ]

  private static let access = [
    Setting(
      variable: "DUCKMESH_AUTH_REQUIRED",
      kind: .boolean(
        defaultText: "true beyond loopback or when credentials are set, else false"),
      help: "Whether requests need a credential."),
    Setting(
      variable: "DUCKMESH_ALLOW_UNAUTHENTICATED_REMOTE", kind: .boolean(defaultText: "false"),
      help: "Allows listening beyond loopback without authentication."),
    Setting(
      variable: "DUCKMESH_STATIC_KEYS",
      kind: .secret(allowed: "key:tenant:role|role, separated by commas"),
      help: """
        API keys with their tenant and roles (ingest_writer, query_reader, table_admin, \
        ops_admin).
        """),
    Setting(
      variable: "DUCKMESH_ADMIN_KEY", kind: .secret(allowed: "text without spaces"),
      help: "The credential that administers tenants and keys."),
    Setting(
      variable: "DUCKMESH_SANDBOX",
      kind: .choice(
        ["require", "prefer", "off"], defaultText: "require beyond loopback, else prefer"),
      help: """
        Whether query workers must, should or need not be confined by Landlock and seccomp. \
        Memory limits and closed descriptors always hold.
        """),
  ]

  private static let catalogLimits = [
    count(
      "DUCKMESH_CATALOG_CONNECTIONS", \.catalog.connections, 3...1_000,
      "Connections of this process to PostgreSQL, beside one that listens."),
    count(
      "DUCKMESH_CATALOG_WAITING_CALLS", \.catalog.waitingCalls, 1...1_000_000,
      "Calls that may wait for a connection."),
    count(
      "DUCKMESH_CATALOG_ACQUIRE_TIMEOUT_MS", \.catalog.acquireTimeoutMs, 10...600_000,
      "How long a call waits for a connection."),
    count(
      "DUCKMESH_CATALOG_CONNECT_TIMEOUT_MS", \.catalog.connectTimeoutMs, 10...600_000,
      "How long the making of a connection may take."),
    count(
      "DUCKMESH_CATALOG_STATEMENT_TIMEOUT_MS", \.catalog.statementTimeoutMs, 100...3_600_000,
      "How long PostgreSQL may work on one statement."),
    count(
      "DUCKMESH_CATALOG_LOCK_TIMEOUT_MS", \.catalog.lockTimeoutMs, 10...3_600_000,
      "How long a statement may wait for a lock."),
  ]

  private static let requestLimits = [
    bytes(
      "DUCKMESH_MAX_BODY_BYTES", \.request.bodyBytes, 1_024...(1 << 30),
      "Bytes of a JSON request body."),
    count(
      "DUCKMESH_MAX_RECORDS_PER_REQUEST", \.request.records, 1...100_000,
      "Records of one JSON ingest request."),
    count(
      "DUCKMESH_MAX_IDEMPOTENCY_KEY_BYTES", \.request.idempotencyKeyBytes, 16...4_096,
      "Bytes of an idempotency key."),
    count(
      "DUCKMESH_MAX_NESTING_DEPTH", \.request.nestingDepth, 4...256,
      "Levels of arrays and objects in a body."),
    count(
      "DUCKMESH_MAX_LISTED_VIOLATIONS", \.request.listedViolations, 1...1_000,
      "Violations that an error lists; further ones are only counted."),
    count(
      "DUCKMESH_VISIBILITY_TIMEOUT_MS", \.request.visibilityTimeoutMs, 1...600_000,
      "How long a waiting write waits unless it says otherwise."),
    count(
      "DUCKMESH_MAX_VISIBILITY_TIMEOUT_MS", \.request.maximumVisibilityTimeoutMs, 1...600_000,
      "The longest wait that a write can ask for."),
    count(
      "DUCKMESH_PAGE_SIZE", \.request.pageSize, 1...10_000,
      "Entries of a list's page unless the request says otherwise."),
    count(
      "DUCKMESH_MAX_PAGE_SIZE", \.request.maximumPageSize, 1...10_000,
      "The most entries of a page that a request can ask for."),
    count(
      "DUCKMESH_MAX_OPEN_TENANTS", \.request.openTenants, 1...100_000,
      "Tenants that writers can make while authentication is off."),
  ]

  private static let batchLimits = [
    bytes(
      "DUCKMESH_MAX_BATCH_BODY_BYTES", \.batch.bodyBytes, 1_024...(1 << 40),
      "Bytes of a batch's body (NDJSON, CSV, Parquet, Arrow), decompressed or not."),
    bytes(
      "DUCKMESH_MAX_BATCH_RECORD_BYTES", \.batch.recordBytes, 1_024...(256 << 20),
      "Bytes of one line of NDJSON or one record of CSV."),
    count(
      "DUCKMESH_MAX_BATCHES_READ", \.batch.readAtOnce, 1...4_096,
      "Batches whose bodies are read at once; others wait with their bodies unread."),
    count(
      "DUCKMESH_MAX_BATCHES_STAGED", \.batch.stagedAtOnce, 1...256,
      "Batches whose rows are written to files at once, each by a child process."),
    bytes(
      "DUCKMESH_BATCH_MEMORY_BYTES", \.batch.stagingMemoryBytes, (64 << 20)...(1 << 40),
      "Memory of the engine in each of these child processes."),
    bytes(
      "DUCKMESH_BATCH_STAGING_BYTES", \.batch.gatheredBytes, 0...(256 << 20),
      "Batches of more bytes are written to files before they are published."),
    count(
      "DUCKMESH_BATCH_STAGING_RECORDS", \.batch.gatheredRecords, 0...10_000_000,
      "Batches of more records are written to files before they are published."),
    count(
      "DUCKMESH_MAX_BATCH_DEAD_LETTERS", \.batch.deadLetters, 0...1_000_000,
      "Bad records that one batch may turn into dead letters; with more it is refused."),
  ]

  private static let queryLimits = [
    bytes("DUCKMESH_MAX_SQL_BYTES", \.query.sqlBytes, 1_024...(1 << 20), "Bytes of a query's SQL."),
    count(
      "DUCKMESH_ROW_LIMIT", \.query.rowLimit, 1...10_000_000,
      "Rows of an answer unless the query says otherwise."),
    count(
      "DUCKMESH_MAX_ROW_LIMIT", \.query.maximumRowLimit, 1...10_000_000,
      "The most rows of a JSON answer that a query can ask for."),
    bytes(
      "DUCKMESH_MAX_BUFFERED_RESULT_BYTES", \.query.bufferedResultBytes, 1_024...(4 << 30),
      "Bytes of an answer that is complete before its status is sent."),
    count(
      "DUCKMESH_QUERY_TIMEOUT_MS", \.query.timeoutMs, 1...3_600_000,
      "How long a query may take unless it says otherwise; waiting counts."),
    count(
      "DUCKMESH_MAX_QUERY_TIMEOUT_MS", \.query.maximumTimeoutMs, 1...3_600_000,
      "The longest timeout that a query can ask for."),
    count(
      "DUCKMESH_QUERY_KILL_GRACE_MS", \.query.killGraceMs, 100...60_000,
      "From the deadline of a query until the worker that still runs it is killed."),
    count(
      "DUCKMESH_CONSISTENCY_TIMEOUT_MS", \.query.consistencyTimeoutMs, 1...600_000,
      "How long a query waits for its token unless it says otherwise."),
    count(
      "DUCKMESH_MAX_CONSISTENCY_TIMEOUT_MS", \.query.maximumConsistencyTimeoutMs, 1...600_000,
      "The longest wait for a token that a query can ask for."),
    count(
      "DUCKMESH_MAX_WAITING_QUERIES_PER_TENANT", \.query.waitingPerTenant, 1...100_000,
      "Queries of a tenant that may wait for a place."),
    count(
      "DUCKMESH_MAX_RUNNING_QUERIES_PER_TENANT", \.query.runningPerTenant, 1...1_024,
      defaultText: "number of processors", "Queries of a tenant that run at once."),
  ]

  private static let rateLimits = [
    count(
      "DUCKMESH_RATE_LIMIT_REQUESTS_PER_SECOND", \.rates.requestsPerSecond, 0...10_000_000,
      "Requests of a tenant that this process takes a second; 0 is no limit."),
    count(
      "DUCKMESH_RATE_LIMIT_EVENTS_PER_SECOND", \.rates.eventsPerSecond, 0...1_000_000_000,
      "Events of a tenant that this process takes a second; 0 is no limit."),
    bytes(
      "DUCKMESH_RATE_LIMIT_INGEST_BYTES_PER_SECOND", \.rates.ingestBytesPerSecond, 0...(1 << 40),
      "Bytes of ingest bodies of a tenant that this process takes a second; 0 is no limit."),
    count(
      "DUCKMESH_RATE_LIMIT_BURST_MS", \.rates.burstMs, 1...3_600_000,
      "How long at the full rate an idle tenant may send at once."),
  ]

  private static let publishLimits = [
    count(
      "DUCKMESH_PUBLISH_LANES", \.publish.lanes, 1...64,
      "Publishing transactions that run side by side; tenants are spread over them."),
    count(
      "DUCKMESH_MAX_PUBLISH_GROUP_RECORDS", \.publish.groupRecords, 1...1_000_000,
      "Records that one publishing transaction takes together; a fifth while several tenants write."
    ),
    bytes(
      "DUCKMESH_MAX_PUBLISH_GROUP_BYTES", \.publish.groupBytes, 1_024...(1 << 30),
      "Bytes that one publishing transaction takes together."),
    count(
      "DUCKMESH_MAX_QUEUED_PUBLISH_REQUESTS", \.publish.queuedRequests, 1...1_000_000,
      "Requests that wait for a lane; more are answered QUEUE_FULL."),
    bytes(
      "DUCKMESH_MAX_QUEUED_PUBLISH_BYTES", \.publish.queuedBytes, 1_024...(16 << 30),
      "Bytes that wait for a lane; more are answered QUEUE_FULL."),
    count(
      "DUCKMESH_MAX_PENDING_EVENTS_PER_TENANT", \.publish.pendingEventsPerTenant,
      1_000...1_000_000_000,
      "Acknowledged events of a tenant that are not yet visible; more are answered QUEUE_FULL."),
    count(
      "DUCKMESH_MAX_PENDING_EVENTS", \.publish.pendingEvents, 1_000...10_000_000_000,
      "Acknowledged events of all tenants that are not yet visible."),
    count(
      "DUCKMESH_SEGMENT_RETENTION_SECONDS", \.publish.segmentRetentionSeconds, 0...31_536_000,
      """
      How long the bus keeps events that are visible, so that they can be replayed; 0 keeps none. \
      All processes of a deployment must agree.
      """),
    count(
      "DUCKMESH_SEGMENT_RETENTION_EVENTS", \.publish.segmentRetentionEvents,
      1...1_000_000_000_000,
      "Visible events of a tenant that the bus keeps at most; the oldest go first."),
  ]

  private static let coordinatorLimits = [
    count(
      "DUCKMESH_FLUSH_INTERVAL_MS", \.coordinator.flushIntervalMs, 1...60_000,
      "How old events may get, without anybody waiting for them, before they are written."),
    count(
      "DUCKMESH_MAX_AGE_MS", \.coordinator.maximumAgeMs, 1...600_000,
      "How far that age stretches when many tables share the budget of files."),
    count(
      "DUCKMESH_FILES_PER_SECOND", \.coordinator.filesPerSecond, 1...10_000,
      "The budget of new data files a second."),
    count(
      "DUCKMESH_LEASE_MS", \.coordinator.leaseMs, 500...600_000,
      "How long a claim holds without a heartbeat."),
    count(
      "DUCKMESH_HEARTBEAT_MS", \.coordinator.heartbeatMs, 100...60_000,
      "How often a lease is renewed; at most half of the lease."),
    count(
      "DUCKMESH_MAX_CLAIM_EVENTS", \.coordinator.claimEvents, 1...10_000_000,
      "Events of one claim."),
    bytes(
      "DUCKMESH_MAX_CLAIM_BYTES", \.coordinator.claimBytes, 1_024...(4 << 30),
      "Bytes of events of one claim."),
    count(
      "DUCKMESH_MAX_COMMIT_TABLES", \.coordinator.commitTables, 1...10_000,
      "Tenants of one commit."),
  ]

  private static let maintenanceLimits = [
    count(
      "DUCKMESH_COMPACTION_FAN_IN", \.maintenance.mergeFanIn, 2...256,
      "Files of a tier that are merged into one."),
    bytes(
      "DUCKMESH_COMPACTION_MAX_FILE_BYTES", \.maintenance.mergedFileBytes, (1 << 20)...(16 << 30),
      "Files of this size are not merged further."),
    count(
      "DUCKMESH_COMPACTION_INTERVAL_MS", \.maintenance.compactionIntervalMs, 10...3_600_000,
      "How often tables are looked at for merging; sooner while one gathers files fast."),
    count(
      "DUCKMESH_RETENTION_INTERVAL_SECONDS", \.maintenance.retentionIntervalSeconds, 1...86_400,
      "How often snapshots are thinned and files collected."),
    count(
      "DUCKMESH_DELETION_GRACE_SECONDS", \.maintenance.deletionGraceSeconds, 1...31_536_000,
      """
      How long an unreferenced file stays; more than the longest query and its kill grace \
      together.
      """),
    count(
      "DUCKMESH_BACKUP_WINDOW_SECONDS", \.maintenance.backupWindowSeconds, 0...31_536_000,
      """
      Age of the oldest backup of the catalog that may be restored; unreferenced files stay as \
      long. 0: as long as the deletion grace.
      """),
    count(
      "DUCKMESH_RETENTION_ALL_SECONDS", \.maintenance.keepAllSeconds, 60...31_536_000,
      "Age up to which every snapshot is kept."),
    count(
      "DUCKMESH_RETENTION_MINUTELY_SECONDS", \.maintenance.keepMinutelySeconds, 60...315_360_000,
      "Age up to which one snapshot a minute is kept."),
    count(
      "DUCKMESH_RETENTION_HOURLY_SECONDS", \.maintenance.keepHourlySeconds, 60...3_153_600_000,
      "Age up to which one snapshot an hour is kept."),
    count(
      "DUCKMESH_MAX_PINS", \.maintenance.pinsPerTenant, 0...10_000,
      "Snapshots that a tenant may keep beyond retention by pinning them."),
    count(
      "DUCKMESH_REPLAY_RECORDS", \.maintenance.replayRecords, 1...100_000,
      "Events that a replay publishes at a time; fresh events wait behind so many at most."),
  ]

  private static let workerLimits = [
    count(
      "DUCKMESH_WORKER_SPARES", \.workers.spares, 0...64,
      "Query workers that stand ready for any tenant."),
    count(
      "DUCKMESH_MAX_WORKERS", \.workers.perNode, 1...1_024,
      "Query workers of this node, spares included."),
    count(
      "DUCKMESH_WORKER_THREADS", \.workers.threads, 1...256,
      defaultText: "number of processors, at most 4", "Threads of a query worker."),
    bytes(
      "DUCKMESH_WORKER_MEMORY_BYTES", \.workers.memoryBytes, (64 << 20)...(1 << 40),
      "Memory of a query."),
    bytes(
      "DUCKMESH_NODE_QUERY_MEMORY_BYTES", \.workers.nodeMemoryBytes, (64 << 20)...(16 << 40),
      defaultText: "half of the machine's memory", "Memory of all running queries of this node."),
    bytes(
      "DUCKMESH_WORKER_TEMP_BYTES", \.workers.temporaryBytes, 0...(16 << 40),
      "Temporary files of a query worker."),
    count(
      "DUCKMESH_WORKER_IDLE_SECONDS", \.workers.idleSeconds, 1...86_400,
      "How long a tenant's query worker is kept without a query."),
    count(
      "DUCKMESH_MAX_QUERIES_PER_WORKER", \.workers.queriesPerWorker, 1...10_000_000,
      "Queries after which a query worker is replaced."),
  ]

  private static let serverLimits = [
    count(
      "DUCKMESH_MAX_CONNECTIONS", \.server.connections, 8...1_000_000,
      "Open client connections; more are closed at once."),
    count(
      "DUCKMESH_IDLE_CONNECTION_SECONDS", \.server.idleConnectionSeconds, 1...3_600,
      "How long a connection is kept without a request."),
    count(
      "DUCKMESH_REQUEST_READ_TIMEOUT_MS", \.server.requestReadTimeoutMs, 100...3_600_000,
      "How long a client may take to send a request."),
    count(
      "DUCKMESH_SHUTDOWN_GRACE_MS", \.server.shutdownGraceMs, 0...600_000,
      "How long a stopping server finishes what it holds."),
    count(
      "DUCKMESH_DRAIN_DELAY_MS", \.server.drainDelayMs, 0...600_000,
      """
      How long a stopping server goes on serving while it already says that it is not ready, so \
      that load balancers stop sending.
      """),
    bytes(
      "DUCKMESH_FREE_SPACE_FLOOR_BYTES", \.server.freeSpaceFloorBytes, 0...(1 << 40),
      "Free space below which ingest answers STORAGE_FULL."),
  ]
}
