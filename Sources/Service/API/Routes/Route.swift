import Configuration
import HTTPServer

/// Every route of the API: one case each, held against `api/openapi.yaml` by a test.
package enum Route: String, CaseIterable, Sendable {
  case health, ready, metrics, version, limits
  case listTables, createTable, getTable, deleteTable, tableChanges
  case ingest, query
  // Before the route of one snapshot, whose id they would be taken for.
  case pinSnapshot, unpinSnapshot, restoreSnapshot
  case listSnapshots, getSnapshot
  case lag, listDeadLetters
  case runCompaction, runRetention, runIntegrity

  package var method: String {
    switch self {
    case .createTable, .ingest, .query, .runCompaction, .runRetention, .runIntegrity, .pinSnapshot,
      .restoreSnapshot:
      "POST"
    case .deleteTable, .unpinSnapshot: "DELETE"
    default: "GET"
    }
  }

  /// The path with its parameters in braces.
  package var template: String {
    switch self {
    case .health: "/v1/health"
    case .ready: "/v1/ready"
    case .metrics: "/v1/metrics"
    case .version: "/v1/version"
    case .limits: "/v1/limits"
    case .listTables, .createTable: "/v1/tables"
    case .getTable, .deleteTable: "/v1/tables/{table}"
    case .tableChanges: "/v1/tables/{table}/changes"
    case .ingest: "/v1/ingest/{table}"
    case .query: "/v1/query"
    case .pinSnapshot: "/v1/snapshots/pin"
    case .restoreSnapshot: "/v1/snapshots/restore"
    case .unpinSnapshot: "/v1/snapshots/pin/{id}"
    case .listSnapshots: "/v1/snapshots"
    case .getSnapshot: "/v1/snapshots/{id}"
    case .lag: "/v1/lag"
    case .listDeadLetters: "/v1/dead-letters"
    case .runCompaction: "/v1/compaction/run"
    case .runRetention: "/v1/retention/run"
    case .runIntegrity: "/v1/integrity/run"
    }
  }

  /// Who may call it: any of these roles suffices.
  enum Access: Sendable {
    /// Probes and what is the same for everybody.
    case open
    case anyRole(Set<AccessRole>)
    /// The operator of the server: it tells of all tenants.
    case administrator
  }

  var access: Access {
    switch self {
    case .health, .ready, .version, .limits: .open
    case .metrics: .administrator
    case .listTables, .getTable: .anyRole([.queryReader, .tableAdmin])
    case .createTable, .deleteTable: .anyRole([.tableAdmin])
    case .ingest: .anyRole([.ingestWriter])
    case .query, .tableChanges: .anyRole([.queryReader])
    case .listSnapshots, .getSnapshot: .anyRole([.queryReader, .opsAdmin])
    case .lag, .listDeadLetters, .runCompaction, .runRetention, .runIntegrity, .pinSnapshot,
      .unpinSnapshot, .restoreSnapshot:
      .anyRole([.opsAdmin])
    }
  }

  /// The roles of a process that serves it: any of these suffices.
  package var roles: Set<ServerRole> {
    switch self {
    case .health, .ready, .metrics, .version, .limits: Set(ServerRole.allCases)
    case .listTables, .getTable, .listSnapshots, .getSnapshot: [.api, .query]
    case .createTable, .deleteTable, .ingest, .lag, .listDeadLetters, .pinSnapshot,
      .unpinSnapshot:
      [.api]
    case .query, .tableChanges: [.query]
    case .runCompaction, .runRetention, .runIntegrity, .restoreSnapshot: [.maintenance]
    }
  }

  var takesJSONBody: Bool {
    switch self {
    case .createTable, .ingest, .query, .pinSnapshot, .restoreSnapshot: true
    default: false
    }
  }

  /// Query parameters that the route understands.
  var queryParameters: Set<String> {
    switch self {
    case .listTables, .listSnapshots, .listDeadLetters: ["limit", "page_token"]
    case .query: ["big_ints"]
    case .tableChanges:
      ["from_snapshot", "to_snapshot", "row_limit", "timeout_ms", "big_ints"]
    default: []
    }
  }
}
