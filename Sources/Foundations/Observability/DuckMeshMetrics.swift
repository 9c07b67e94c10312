/// Every metric of the product. `docs/metrics.md` has the same list, held to this one by a test.
///
/// A metric named by the operations specification with and without the prefix `duckmesh_` is
/// exposed under both; dashboards should use the prefixed name.
package struct DuckMeshMetrics: Sendable {
  package let ingest: Ingest
  package let freshness: Freshness
  package let coordinator: Coordinator
  package let query: Query
  package let maintenance: Maintenance
  package let accounting: Accounting
  package let workers: Workers
  package let http: HTTP
  package let process: Process

  package init(registry: MetricRegistry) {
    ingest = Ingest(registry)
    freshness = Freshness(registry)
    coordinator = Coordinator(registry)
    query = Query(registry)
    maintenance = Maintenance(registry)
    accounting = Accounting(registry)
    workers = Workers(registry)
    http = HTTP(registry)
    process = Process(registry)
  }

  /// Milliseconds, from a commit on a fast disk to the longest query; the objectives (200 ms, 2 s,
  /// 3 s) are bounds, so that their share can be read exactly.
  package static let latencyBoundsMs: [Double] = [
    0.5, 1, 2.5, 5, 10, 25, 50, 100, 200, 350, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 30_000,
    60_000, 300_000,
  ]
  package static let countBounds: [Double] = [
    1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 1_000_000,
  ]
  package static let byteBounds: [Double] = (0...11).map { 1_024 * Double(1 << (2 * $0)) }

  /// Events on their way in.
  package struct Ingest: Sendable {
    package let requests: MetricFamily<Counter>
    package let records: Counter
    package let duplicates: Counter
    package let ackLatencyMs: Histogram
    package let bodyBytes: Counter
    package let publishGroupRecords: Histogram
    package let publishLatencyMs: Histogram
    package let publishQueueBytes: Gauge

    init(_ registry: MetricRegistry) {
      requests = registry.counters(
        "duckmesh_ingest_requests_total", "ingest_requests_total", labels: ["outcome"],
        help: "Ingest requests by outcome: ok, client_error, overloaded, error.")
      records = registry.counter(
        "duckmesh_ingest_records_total", "ingest_records_total",
        help: "New records acknowledged as durable.")
      duplicates = registry.counter(
        "duckmesh_ingest_duplicates_total", "ingest_duplicates_total",
        help: "Records answered with the receipt of an earlier write of the same key.")
      ackLatencyMs = registry.histogram(
        "duckmesh_ingest_ack_latency_ms", "ingest_ack_latency_ms", bounds: latencyBoundsMs,
        help: "Milliseconds from the end of an ingest body to its durable acknowledgement.")
      bodyBytes = registry.counter(
        "duckmesh_ingest_body_bytes_total", help: "Bytes of ingest bodies received.")
      publishGroupRecords = registry.histogram(
        "duckmesh_publish_group_records", bounds: countBounds,
        help: "Records that one publishing transaction took together.")
      publishLatencyMs = registry.histogram(
        "duckmesh_publish_latency_ms", bounds: latencyBoundsMs,
        help: "Milliseconds of one publishing transaction.")
      publishQueueBytes = registry.gauge(
        "duckmesh_publish_queue_bytes", help: "Bytes of records that wait to be published.")
    }
  }

  /// How soon what was written can be read.
  package struct Freshness: Sendable {
    package let visibilityLagMs: SampledMetric
    package let latestVisibilityToken: SampledMetric
    package let ingestLagEvents: SampledMetric
    package let consistencyTimeouts: MetricFamily<Counter>
    package let writeToVisibleLatencyMs: Histogram
    package let barrierWaitMs: Histogram

    init(_ registry: MetricRegistry) {
      visibilityLagMs = registry.sampled(
        "duckmesh_visibility_lag_ms", "visibility_lag_ms", labels: ["tenant"], overflow: .maximum,
        help: "Age in milliseconds of the oldest acknowledged event that is not yet visible.")
      latestVisibilityToken = registry.sampled(
        "duckmesh_latest_visibility_token", "latest_visibility_token", labels: ["tenant"],
        overflow: .maximum, help: "Watermark: every token up to it is visible or dead-lettered.")
      ingestLagEvents = registry.sampled(
        "duckmesh_ingest_lag_events", labels: ["tenant"],
        help: "Acknowledged events that are not yet visible.")
      consistencyTimeouts = registry.counters(
        "duckmesh_consistency_timeout_total", "consistency_timeout_total", labels: ["operation"],
        help: "Waits for visibility that reached their timeout, by operation: ingest, query.")
      writeToVisibleLatencyMs = registry.histogram(
        "duckmesh_write_to_visible_latency_ms", bounds: latencyBoundsMs,
        help: "Milliseconds from the publishing of an event to the commit that made it visible.")
      barrierWaitMs = registry.histogram(
        "duckmesh_barrier_wait_ms", bounds: latencyBoundsMs,
        help: "Milliseconds that a query with a token waited for its snapshot.")
    }
  }

  /// From the bus into the lake.
  package struct Coordinator: Sendable {
    package let claimBatchSize: Histogram
    package let claimRetries: Counter
    package let commitBatchLatencyMs: Histogram
    package let snapshotPublishFailures: Counter
    package let snapshotsPublished: Counter
    package let leaseLosses: Counter
    package let deadLetters: MetricFamily<Counter>
    package let replays: MetricFamily<Counter>
    package let environmentFailures: MetricFamily<Counter>
    package let rowsRemoved: Counter
    package let deleteFilesWritten: Counter
    package let keyLookupFiles: Histogram
    package let tableConflicts: Counter
    package let batchesWritten: MetricFamily<Counter>

    init(_ registry: MetricRegistry) {
      claimBatchSize = registry.histogram(
        "duckmesh_claim_batch_size", "claim_batch_size", bounds: countBounds,
        help: "Events of one claim.")
      claimRetries = registry.counter(
        "duckmesh_claim_retries_total", "claim_retries_total",
        help: "Claims of events that an earlier claim had not finished.")
      commitBatchLatencyMs = registry.histogram(
        "duckmesh_commit_batch_latency_ms", "commit_batch_latency_ms", bounds: latencyBoundsMs,
        help: "Milliseconds from a claim to its committed snapshot.")
      snapshotPublishFailures = registry.counter(
        "duckmesh_snapshot_publish_failures_total", "snapshot_publish_failures_total",
        help: "Commits that did not publish their snapshot, for whatever reason.")
      snapshotsPublished = registry.counter(
        "duckmesh_snapshots_published_total", help: "Snapshots published.")
      leaseLosses = registry.counter(
        "duckmesh_lease_losses_total",
        help: "Commits not applied because the lease was no longer held.")
      deadLetters = registry.counters(
        "duckmesh_dead_letters_total", labels: ["reason"],
        help: "Records put into the dead letters, by reason.")
      replays = registry.counters(
        "duckmesh_dead_letter_replays_total", labels: ["outcome"],
        help: "Dead letters that were tried again, by what became of them.")
      environmentFailures = registry.counters(
        "duckmesh_environment_failures_total", labels: ["component"],
        help: "Attempts that failed for lack of disk, memory, catalog or object store.")
      rowsRemoved = registry.counter(
        "duckmesh_rows_removed_total",
        help: "Rows of keyed tables that a later upsert or delete has taken away.")
      deleteFilesWritten = registry.counter(
        "duckmesh_delete_files_written_total", help: "Delete files that a commit of events named.")
      keyLookupFiles = registry.histogram(
        "duckmesh_key_lookup_files", bounds: countBounds,
        help: "Data files read to look up the primary keys of one batch.")
      tableConflicts = registry.counter(
        "duckmesh_table_conflicts_total",
        help: "Tables that had changed under a commit and were materialised again.")
      batchesWritten = registry.counters(
        "duckmesh_batches_written_total", labels: ["statement"],
        help: "Batches of one table written, by a statement of their own or one of several.")
    }
  }

  /// Answers on their way out.
  package struct Query: Sendable {
    package let requests: MetricFamily<Counter>
    package let latencyMs: Histogram
    package let scannedFiles: Histogram
    package let scannedBytes: Histogram
    package let running: SampledMetric
    package let waiting: SampledMetric

    init(_ registry: MetricRegistry) {
      requests = registry.counters(
        "duckmesh_query_requests_total", "query_requests_total", labels: ["outcome"],
        help: "Queries by outcome: ok, client_error, overloaded, timeout, error.")
      latencyMs = registry.histogram(
        "duckmesh_query_latency_ms", "query_latency_ms", bounds: latencyBoundsMs,
        help: "Milliseconds of a query from its request to the last byte of its answer.")
      scannedFiles = registry.histogram(
        "duckmesh_query_scanned_files", "query_scanned_files", bounds: countBounds,
        help: "Data files in the manifest of a query.")
      scannedBytes = registry.histogram(
        "duckmesh_query_scanned_bytes", "query_scanned_bytes", bounds: byteBounds,
        help: "Bytes of the data files in the manifest of a query.")
      running = registry.sampled("duckmesh_queries_running", help: "Queries that run.")
      waiting = registry.sampled("duckmesh_queries_waiting", help: "Queries that wait for a place.")
    }
  }

  /// Compaction, retention, collection, integrity.
  package struct Maintenance: Sendable {
    package let compactionRuns: MetricFamily<Counter>
    package let compactionBytesRewritten: Counter
    package let compactionRowsDropped: Counter
    package let filesDeleted: Counter
    package let snapshotsExpired: Counter
    package let integrityRuns: MetricFamily<Counter>
    package let integrityFilesChecked: Counter
    package let integrityMissingFiles: Counter
    package let integritySizeMismatchFiles: Counter
    package let replayedEvents: Counter
    package let liveFiles: SampledMetric
    package let filesAwaitingDeletion: SampledMetric

    init(_ registry: MetricRegistry) {
      compactionRuns = registry.counters(
        "duckmesh_compaction_runs_total", "compaction_runs_total", labels: ["outcome"],
        help: "Merges by outcome: completed, lost, failed.")
      compactionBytesRewritten = registry.counter(
        "duckmesh_compaction_bytes_rewritten_total", "compaction_bytes_rewritten",
        help: "Bytes of files written by merges.")
      compactionRowsDropped = registry.counter(
        "duckmesh_compaction_rows_dropped_total",
        help: "Deleted rows that rewritten files do not hold any more.")
      filesDeleted = registry.counter(
        "duckmesh_gc_files_deleted_total", "gc_files_deleted_total",
        help: "Files deleted after their grace period.")
      replayedEvents = registry.counter(
        "duckmesh_replayed_events_total",
        help: "Events that replays have read from the bus and published again.")
      snapshotsExpired = registry.counter(
        "duckmesh_snapshots_expired_total", help: "Snapshots that retention removed.")
      integrityRuns = registry.counters(
        "duckmesh_integrity_runs_total", "integrity_runs_total", labels: ["outcome"],
        help: "Integrity checks by outcome: completed, failed.")
      integrityFilesChecked = registry.counter(
        "duckmesh_integrity_files_checked_total", "integrity_files_checked_total",
        help: "Files that integrity checks looked at.")
      integrityMissingFiles = registry.counter(
        "duckmesh_integrity_missing_files_total", "integrity_missing_files_total",
        help: "Files that the catalog names and the object store lacks.")
      integritySizeMismatchFiles = registry.counter(
        "duckmesh_integrity_size_mismatch_files_total", "integrity_size_mismatch_files_total",
        help: "Files whose size differs from the catalog's.")
      liveFiles = registry.sampled(
        "duckmesh_live_files", labels: ["tenant"], overflow: .maximum,
        help: "Data files of the tenant's table that has the most.")
      filesAwaitingDeletion = registry.sampled(
        "duckmesh_files_awaiting_deletion", help: "Replaced files within their grace period.")
    }
  }

  /// The identity of the ledger: what was acknowledged is somewhere.
  package struct Accounting: Sendable {
    package let events: SampledMetric
    package let imbalance: SampledMetric

    init(_ registry: MetricRegistry) {
      events = registry.sampled(
        "duckmesh_accounting_events", labels: ["tenant", "state"],
        help: """
          Events by state: acknowledged, which equals the sum of applied, superseded, no_op, \
          dead_lettered, discarded and pending.
          """)
      imbalance = registry.sampled(
        "duckmesh_accounting_imbalance_events", labels: ["tenant"],
        help: "Acknowledged events less those of all other states; anything but 0 is a fault.")
    }
  }

  /// The query workers and what confines them.
  package struct Workers: Sendable {
    package let count: SampledMetric
    package let started: SampledMetric
    package let lost: SampledMetric
    package let sandboxLayers: SampledMetric

    init(_ registry: MetricRegistry) {
      count = registry.sampled(
        "duckmesh_query_workers", labels: ["state"],
        help: "Query workers by state: starting, spare, idle, busy.")
      started = registry.sampled(
        "duckmesh_query_workers_started_total", kind: .counter,
        help: "Query worker processes started.")
      lost = registry.sampled(
        "duckmesh_query_workers_lost_total", kind: .counter,
        help: "Query workers that ended under a query whose time was not over.")
      sandboxLayers = registry.sampled(
        "duckmesh_sandbox_layer", labels: ["layer"], overflow: .maximum,
        help: "1 for each layer of the query workers' sandbox that holds, 0 for one that does not.")
    }
  }

  /// The HTTP interface.
  package struct HTTP: Sendable {
    package let requests: MetricFamily<Counter>
    package let durationMs: MetricFamily<Histogram>
    package let inFlight: Gauge
    package let connections: SampledMetric

    init(_ registry: MetricRegistry) {
      requests = registry.counters(
        "duckmesh_http_requests_total", labels: ["method", "route", "status"],
        help: "Requests by method, route and status.")
      durationMs = registry.histograms(
        "duckmesh_http_request_duration_ms", labels: ["route"], bounds: latencyBoundsMs,
        help: "Milliseconds from the head of a request to the end of its answer, by route.")
      inFlight = registry.gauge(
        "duckmesh_http_requests_in_flight", help: "Requests that are being served.")
      connections = registry.sampled(
        "duckmesh_http_connections", help: "Open connections.")
    }
  }

  /// The process and what it stands on.
  package struct Process: Sendable {
    package let residentMemoryBytes: SampledMetric
    package let virtualMemoryBytes: SampledMetric
    package let cpuSeconds: SampledMetric
    package let openFiles: SampledMetric
    package let maximumOpenFiles: SampledMetric
    package let threads: SampledMetric
    package let uptimeSeconds: SampledMetric
    package let buildInfo: SampledMetric
    package let logLinesDropped: SampledMetric
    package let storageFreeBytes: SampledMetric
    package let componentReady: SampledMetric

    init(_ registry: MetricRegistry) {
      residentMemoryBytes = registry.sampled(
        "process_resident_memory_bytes", help: "Resident memory of the server process.")
      virtualMemoryBytes = registry.sampled(
        "process_virtual_memory_bytes", help: "Virtual memory of the server process.")
      cpuSeconds = registry.sampled(
        "process_cpu_seconds_total", kind: .counter,
        help: "User and system CPU time of the server process.")
      openFiles = registry.sampled("process_open_fds", help: "Open file descriptors.")
      maximumOpenFiles = registry.sampled(
        "process_max_fds", help: "The limit on open file descriptors.")
      threads = registry.sampled("process_threads", help: "Threads of the server process.")
      uptimeSeconds = registry.sampled(
        "duckmesh_uptime_seconds", help: "Seconds since the server started.")
      buildInfo = registry.sampled(
        "duckmesh_build_info", labels: ["version", "engine_version"],
        help: "Always 1; the labels say what runs.")
      logLinesDropped = registry.sampled(
        "duckmesh_log_lines_dropped_total", kind: .counter,
        help: "Log lines dropped because their reader was too slow.")
      storageFreeBytes = registry.sampled(
        "duckmesh_storage_free_bytes", help: "Free bytes of the file system of the data folder.")
      componentReady = registry.sampled(
        "duckmesh_component_ready", labels: ["component"],
        help: "1 for each component that is ready, 0 for one that is not.")
    }
  }
}
