/// The one list of keys under which log lines carry data: no line has a key of its own invention,
/// so that a key means the same wherever it stands.
package enum LogKey: String, CaseIterable, Sendable {
  // The request and who made it.
  case method
  case route
  case status
  case remoteAddress = "remote_address"
  case spanId = "span_id"
  case parentSpanId = "parent_span_id"
  case durationMs = "duration_ms"
  case requestBytes = "request_bytes"
  case responseBytes = "response_bytes"

  // What it was about.
  case tableName = "table_name"
  case tableId = "table_id"
  case schemaVersion = "schema_version"
  case snapshotId = "snapshot_id"
  case firstToken = "first_token"
  case lastToken = "last_token"
  case visibilityToken = "visibility_token"
  case watermark
  case recordCount = "record_count"
  case duplicateCount = "duplicate_count"
  case deadLetterCount = "dead_letter_count"
  case rowCount = "row_count"
  case removedRowCount = "removed_row_count"
  case reason

  // Leases, commits and attempts.
  case commitId = "commit_id"
  case leaseId = "lease_id"
  case epoch
  case owner
  case attempt
  case delayMs = "delay_ms"
  case tenantCount = "tenant_count"
  case tableCount = "table_count"
  case batchBytes = "batch_bytes"
  case linkedTraceIds = "linked_trace_ids"

  // Files and storage.
  case path
  case fileCount = "file_count"
  case fileBytes = "file_bytes"
  case deleteFileCount = "delete_file_count"
  case movedDeleteCount = "moved_delete_count"
  case freeBytes = "free_bytes"
  case limit

  // Processes and services.
  case serviceName = "service_name"
  case roles
  case address
  case version
  case processId = "process_id"
  case workerId = "worker_id"
  case exitCode = "exit_code"
  case signal
  case layer
  case state
  case settingName = "setting_name"
  case droppedLines = "dropped_lines"
  /// Text of an error for the operator. Never SQL of a tenant, payloads or credentials.
  case detail
}
