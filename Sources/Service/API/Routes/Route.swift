import Configuration
import HTTPServer

/// Every route of the API: one case each, held against `api/openapi.yaml` by a test.
package enum Route: String, CaseIterable, Sendable {
  case health, ready, metrics, version, limits
  case listTables, createTable, getTable, alterTable, deleteTable, listSchemas, tableChanges
  case ingest, query, uiSchema
  // Before the route of one snapshot, whose id they would be taken for.
  case pinSnapshot, unpinSnapshot, restoreSnapshot
  case listSnapshots, getSnapshot
  case lag, listDeadLetters, replayDeadLetters, discardDeadLetter
  case listEventReplays, startEventReplay, getEventReplay, cancelEventReplay
  case runCompaction, runRetention, runIntegrity

  package var method: String {
    switch self {
    case .createTable, .ingest, .query, .replayDeadLetters, .runCompaction, .runRetention,
      .runIntegrity, .pinSnapshot, .restoreSnapshot, .startEventReplay:
      "POST"
    case .alterTable: "PATCH"
    case .deleteTable, .discardDeadLetter, .unpinSnapshot, .cancelEventReplay: "DELETE"
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
    case .getTable, .alterTable, .deleteTable: "/v1/tables/{table}"
    case .listSchemas: "/v1/tables/{table}/schemas"
    case .tableChanges: "/v1/tables/{table}/changes"
    case .ingest: "/v1/ingest/{table}"
    case .query: "/v1/query"
    case .uiSchema: "/v1/ui/schema"
    case .pinSnapshot: "/v1/snapshots/pin"
    case .restoreSnapshot: "/v1/snapshots/restore"
    case .unpinSnapshot: "/v1/snapshots/pin/{id}"
    case .listSnapshots: "/v1/snapshots"
    case .getSnapshot: "/v1/snapshots/{id}"
    case .lag: "/v1/lag"
    case .listDeadLetters: "/v1/dead-letters"
    case .replayDeadLetters: "/v1/dead-letters/replay"
    case .discardDeadLetter: "/v1/dead-letters/{id}"
    case .listEventReplays, .startEventReplay: "/v1/replays"
    case .getEventReplay, .cancelEventReplay: "/v1/replays/{id}"
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
    case .listTables, .getTable, .listSchemas: .anyRole([.queryReader, .tableAdmin])
    case .createTable, .alterTable, .deleteTable: .anyRole([.tableAdmin])
    case .ingest: .anyRole([.ingestWriter])
    case .query, .uiSchema, .tableChanges: .anyRole([.queryReader])
    case .listSnapshots, .getSnapshot: .anyRole([.queryReader, .opsAdmin])
    case .lag, .listDeadLetters, .replayDeadLetters, .discardDeadLetter, .runCompaction,
      .runRetention, .runIntegrity, .pinSnapshot, .unpinSnapshot, .restoreSnapshot,
      .listEventReplays, .startEventReplay, .getEventReplay, .cancelEventReplay:
      .anyRole([.opsAdmin])
    }
  }

  /// The roles of a process that serves it: any of these suffices.
  package var roles: Set<ServerRole> {
    switch self {
    case .health, .ready, .metrics, .version, .limits: Set(ServerRole.allCases)
    case .listTables, .getTable, .listSchemas, .listSnapshots, .getSnapshot: [.api, .query]
    case .createTable, .alterTable, .deleteTable, .ingest, .lag, .listDeadLetters,
      .replayDeadLetters, .discardDeadLetter, .pinSnapshot, .unpinSnapshot, .listEventReplays,
      .startEventReplay, .getEventReplay, .cancelEventReplay:
      [.api]
    case .query, .uiSchema, .tableChanges: [.query]
    case .runCompaction, .runRetention, .runIntegrity, .restoreSnapshot: [.maintenance]
    }
  }

  var takesJSONBody: Bool {
    switch self {
    case .createTable, .alterTable, .ingest, .query, .replayDeadLetters, .pinSnapshot,
      .restoreSnapshot, .startEventReplay:
      true
    default: false
    }
  }

  /// Query parameters that the route understands.
  var queryParameters: Set<String> {
    switch self {
    case .listTables, .listSchemas, .listSnapshots, .listEventReplays: ["limit", "page_token"]
    case .listDeadLetters: ["limit", "page_token", "table", "reason", "token"]
    case .query: ["big_ints"]
    case .uiSchema: ["limit", "page_token", "sample_rows"]
    case .tableChanges:
      ["from_snapshot", "to_snapshot", "row_limit", "timeout_ms", "big_ints"]
    default: []
    }
  }
}
