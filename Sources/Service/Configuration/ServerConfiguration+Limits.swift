import Model

extension ServerConfiguration {
  /// The limits as set, each within its range and all in agreement with each other.
  static func limits(
    _ values: inout SettingValues, processorCount: Int, memoryBytes: Int
  ) -> Limits {
    var limits = Limits()
    limits.query.runningPerTenant = max(processorCount, 1)
    limits.workers.threads = min(max(processorCount, 1), 4)
    limits.workers.nodeMemoryBytes = memoryBytes / 2
    for setting in Setting.all {
      guard case .number(let number) = setting.kind, let text = values[setting.variable] else {
        continue
      }
      guard let value = number.parse(text), number.range.contains(value) else {
        values.refuse(
          setting.variable, "must be a whole number, \(setting.allowedText), not \"\(text)\"")
        continue
      }
      number.set(value, in: &limits)
    }
    // One tenant's query must always fit, or none would ever run.
    if values["DUCKMESH_NODE_QUERY_MEMORY_BYTES"] == nil {
      limits.workers.nodeMemoryBytes = max(
        limits.workers.nodeMemoryBytes, limits.workers.memoryBytes)
    }
    checkAgreement(of: limits, &values)
    return limits
  }

  private static func checkAgreement(of limits: Limits, _ values: inout SettingValues) {
    func atMost(_ left: (String, Int), _ right: (String, Int)) {
      if left.1 > right.1 {
        values.refuse(left.0, "\(left.1) is more than \(right.0), \(right.1)")
      }
    }
    atMost(
      ("DUCKMESH_QUERY_TIMEOUT_MS", limits.query.timeoutMs),
      ("DUCKMESH_MAX_QUERY_TIMEOUT_MS", limits.query.maximumTimeoutMs))
    atMost(
      ("DUCKMESH_CONSISTENCY_TIMEOUT_MS", limits.query.consistencyTimeoutMs),
      ("DUCKMESH_MAX_CONSISTENCY_TIMEOUT_MS", limits.query.maximumConsistencyTimeoutMs))
    atMost(
      ("DUCKMESH_VISIBILITY_TIMEOUT_MS", limits.request.visibilityTimeoutMs),
      ("DUCKMESH_MAX_VISIBILITY_TIMEOUT_MS", limits.request.maximumVisibilityTimeoutMs))
    atMost(
      ("DUCKMESH_ROW_LIMIT", limits.query.rowLimit),
      ("DUCKMESH_MAX_ROW_LIMIT", limits.query.maximumRowLimit))
    atMost(
      ("DUCKMESH_PAGE_SIZE", limits.request.pageSize),
      ("DUCKMESH_MAX_PAGE_SIZE", limits.request.maximumPageSize))
    atMost(
      ("DUCKMESH_FLUSH_INTERVAL_MS", limits.coordinator.flushIntervalMs),
      ("DUCKMESH_MAX_AGE_MS", limits.coordinator.maximumAgeMs))
    atMost(
      ("DUCKMESH_MAX_PENDING_EVENTS_PER_TENANT", limits.publish.pendingEventsPerTenant),
      ("DUCKMESH_MAX_PENDING_EVENTS", limits.publish.pendingEvents))
    // A body that was accepted must fit into the queue, or its client would retry for ever.
    atMost(
      ("DUCKMESH_MAX_BODY_BYTES", limits.request.bodyBytes),
      ("DUCKMESH_MAX_QUEUED_PUBLISH_BYTES", limits.publish.queuedBytes))
    atMost(
      ("DUCKMESH_RETENTION_ALL_SECONDS", limits.maintenance.keepAllSeconds),
      ("DUCKMESH_RETENTION_MINUTELY_SECONDS", limits.maintenance.keepMinutelySeconds))
    atMost(
      ("DUCKMESH_RETENTION_MINUTELY_SECONDS", limits.maintenance.keepMinutelySeconds),
      ("DUCKMESH_RETENTION_HOURLY_SECONDS", limits.maintenance.keepHourlySeconds))
    atMost(
      ("DUCKMESH_WORKER_SPARES", limits.workers.spares),
      ("DUCKMESH_MAX_WORKERS", limits.workers.perNode))
    atMost(
      ("DUCKMESH_WORKER_MEMORY_BYTES", limits.workers.memoryBytes),
      ("DUCKMESH_NODE_QUERY_MEMORY_BYTES", limits.workers.nodeMemoryBytes))
    if 2 * limits.coordinator.heartbeatMs > limits.coordinator.leaseMs {
      values.refuse("DUCKMESH_HEARTBEAT_MS", "must be at most half of DUCKMESH_LEASE_MS")
    }
    checkDeletionGrace(of: limits, &values)
  }

  /// A file may be deleted only when no query can still read it: one that
  /// ran as long as allowed and was killed as late as allowed.
  private static func checkDeletionGrace(of limits: Limits, _ values: inout SettingValues) {
    let longestReadMs =
      limits.query.maximumTimeoutMs + limits.query.killGraceMs
    if limits.maintenance.deletionGraceSeconds * 1_000 <= longestReadMs {
      values.refuse(
        "DUCKMESH_DELETION_GRACE_SECONDS",
        """
        must be more than \(longestReadMs) ms, the sum of DUCKMESH_MAX_QUERY_TIMEOUT_MS and \
        DUCKMESH_QUERY_KILL_GRACE_MS
        """)
    }
    // A window that the grace outlasts promises less than what holds: one of the two is a slip.
    let (window, grace) = (
      limits.maintenance.backupWindowSeconds, limits.maintenance.deletionGraceSeconds
    )
    if window > 0, window < grace {
      values.refuse(
        "DUCKMESH_BACKUP_WINDOW_SECONDS",
        "must be 0 or at least DUCKMESH_DELETION_GRACE_SECONDS, \(grace)")
    }
  }
}
