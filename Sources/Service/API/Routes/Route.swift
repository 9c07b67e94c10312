import Configuration
import HTTPServer

/// Every route of the API: one case each, held against `api/openapi.yaml` by a test.
package enum Route: String, CaseIterable, Sendable {
  case health, ready, metrics, version, limits
  case listTables, createTable, getTable, alterTable, deleteTable, listSchemas
  case ingest, query
  case listSnapshots, getSnapshot
  case lag, listDeadLetters
  case runCompaction, runRetention, runIntegrity

  package var method: String {
    switch self {
    case .createTable, .ingest, .query, .runCompaction, .runRetention, .runIntegrity: "POST"
    case .alterTable: "PATCH"
    case .deleteTable: "DELETE"
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
    case .ingest: "/v1/ingest/{table}"
    case .query: "/v1/query"
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
    case .listTables, .getTable, .listSchemas: .anyRole([.queryReader, .tableAdmin])
    case .createTable, .alterTable, .deleteTable: .anyRole([.tableAdmin])
    case .ingest: .anyRole([.ingestWriter])
    case .query: .anyRole([.queryReader])
    case .listSnapshots, .getSnapshot: .anyRole([.queryReader, .opsAdmin])
    case .lag, .listDeadLetters, .runCompaction, .runRetention, .runIntegrity:
      .anyRole([.opsAdmin])
    }
  }

  /// The roles of a process that serves it: any of these suffices.
  package var roles: Set<ServerRole> {
    switch self {
    case .health, .ready, .metrics, .version, .limits: Set(ServerRole.allCases)
    case .listTables, .getTable, .listSchemas, .listSnapshots, .getSnapshot: [.api, .query]
    case .createTable, .alterTable, .deleteTable, .ingest, .lag, .listDeadLetters: [.api]
    case .query: [.query]
    case .runCompaction, .runRetention, .runIntegrity: [.maintenance]
    }
  }

  var takesJSONBody: Bool {
    switch self {
    case .createTable, .alterTable, .ingest, .query: true
    default: false
    }
  }

  /// Query parameters that the route understands.
  var queryParameters: Set<String> {
    switch self {
    case .listTables, .listSchemas, .listSnapshots, .listDeadLetters: ["limit", "page_token"]
    case .query: ["big_ints"]
    default: []
    }
  }
}
