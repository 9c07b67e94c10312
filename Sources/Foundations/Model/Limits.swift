/// Every bound of the product, with its default. The server's configuration fills it in; the names,
/// ranges and variables are in `docs/configuration.md`.
package struct Limits: Sendable, Equatable {
  package var catalog = Catalog()
  package var request = Request()
  package var batch = Batch()
  package var query = Query()
  package var rates = Rates()
  package var publish = Publish()
  package var coordinator = Coordinator()
  package var maintenance = Maintenance()
  package var workers = Workers()
  package var server = Server()

  package init() {}

  /// A process's way to PostgreSQL.
  package struct Catalog: Sendable, Equatable {
    package var connections = 8
    package var waitingCalls = 1_024
    package var acquireTimeoutMs = 5_000
    package var connectTimeoutMs = 5_000
    package var statementTimeoutMs = 10_000
    package var lockTimeoutMs = 5_000

    package init() {}
  }

  /// What one request may hold.
  package struct Request: Sendable, Equatable {
    package var bodyBytes = 32 << 20
    package var records = 10_000
    package var idempotencyKeyBytes = 512
    package var nestingDepth = 64
    package var listedViolations = 100
    package var visibilityTimeoutMs = 5_000
    package var maximumVisibilityTimeoutMs = 60_000
    package var pageSize = 100
    package var maximumPageSize = 1_000
    /// Tenants that unauthenticated writers can make.
    package var openTenants = 1_000

    package init() {}
  }

  /// What one batch (NDJSON, CSV, Parquet, Arrow) may hold, and all of them together.
  package struct Batch: Sendable, Equatable {
    package var bodyBytes = 4 << 30
    package var recordBytes = 32 << 20
    /// Batches whose bodies are read at once.
    package var readAtOnce = 32
    /// Batches whose rows are written to files at once, each by a child process.
    package var stagedAtOnce = 2
    package var stagingMemoryBytes = 1 << 30
    /// Above this, rows are written to files before they are published.
    package var gatheredBytes = 8 << 20
    package var gatheredRecords = 50_000
    package var deadLetters = 10_000

    package init() {}
  }

  /// What one query, and a tenant's queries together, may take.
  package struct Query: Sendable, Equatable {
    package var sqlBytes = 256 << 10
    package var rowLimit = 10_000
    package var maximumRowLimit = 1_000_000
    package var bufferedResultBytes = 64 << 20
    package var timeoutMs = 30_000
    package var maximumTimeoutMs = 300_000
    /// From the deadline of a query to the killing of the worker that still runs it.
    package var killGraceMs = 1_500
    package var consistencyTimeoutMs = 5_000
    package var maximumConsistencyTimeoutMs = 60_000
    package var waitingPerTenant = 256
    /// 0 stands for the number of processors until the configuration resolves it.
    package var runningPerTenant = 0

    package init() {}
  }

  /// What one tenant may send to one process in the long run; 0 is no limit.
  package struct Rates: Sendable, Equatable {
    package var requestsPerSecond = 0
    package var eventsPerSecond = 0
    package var ingestBytesPerSecond = 0
    /// Of an idle tenant: this long at the full rate, at once.
    package var burstMs = 1_000

    package init() {}
  }

  /// What may gather between the edge and the lake.
  package struct Publish: Sendable, Equatable {
    package var lanes = 1
    package var groupRecords = 10_000
    package var groupBytes = 16 << 20
    package var queuedRequests = 4_096
    package var queuedBytes = 256 << 20
    package var pendingEventsPerTenant = 5_000_000
    package var pendingEvents = 20_000_000
    /// How long the bus keeps segments whose events are visible, and how many events of a tenant.
    package var segmentRetentionSeconds = 0
    package var segmentRetentionEvents = 100_000_000

    package init() {}
  }

  /// How events become files.
  package struct Coordinator: Sendable, Equatable {
    package var flushIntervalMs = 200
    /// How far the age of idle data may stretch to hold the budget of files.
    package var maximumAgeMs = 2_000
    package var filesPerSecond = 20
    package var leaseMs = 3_000
    package var heartbeatMs = 1_000
    package var claimEvents = 100_000
    package var claimBytes = 64 << 20
    package var commitTables = 256

    package init() {}
  }

  /// How files are merged, kept and deleted.
  package struct Maintenance: Sendable, Equatable {
    package var mergeFanIn = 16
    package var mergedFileBytes = 256 << 20
    package var compactionIntervalMs = 500
    package var retentionIntervalSeconds = 60
    /// From the moment a file is unreferenced to its deletion.
    package var deletionGraceSeconds = 600
    package var backupWindowSeconds = 0
    package var keepAllSeconds = 3_600
    package var keepMinutelySeconds = 86_400
    package var keepHourlySeconds = 30 * 86_400
    package var pinsPerTenant = 100
    package var replayRecords = 10_000

    package init() {}
  }

  /// The query workers of one node.
  package struct Workers: Sendable, Equatable {
    package var spares = 1
    package var perNode = 16
    /// 0 stands for the lesser of 4 and the number of processors until it is resolved.
    package var threads = 0
    package var memoryBytes = 1 << 30
    /// Sum of the memory limits of running queries; 0 stands for half of the machine's memory.
    package var nodeMemoryBytes = 0
    package var temporaryBytes = 4 << 30
    package var idleSeconds = 300
    package var queriesPerWorker = 10_000

    package init() {}
  }

  /// The server process.
  package struct Server: Sendable, Equatable {
    package var connections = 4_096
    package var idleConnectionSeconds = 75
    package var requestReadTimeoutMs = 30_000
    package var shutdownGraceMs = 30_000
    /// From saying that it is not ready to taking no more connections.
    package var drainDelayMs = 0
    /// Below this, ingest answers `STORAGE_FULL`.
    package var freeSpaceFloorBytes = 256 << 20

    package init() {}
  }
}
