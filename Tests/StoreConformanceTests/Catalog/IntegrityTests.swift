import Catalog
import IngestBus
import Model
import Testing

/// Each rule of the integrity run must notice its own kind of damage.
@Suite struct IntegrityTests {
  @Test(arguments: StoreBackends.all, Damage.all)
  func everyRuleFiresWhenItsFactIsBroken(_ kind: StoreKind, _ damage: Damage) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      _ = try await lab.publish(table, TestEvent("a"), TestEvent("b", "bad"), TestEvent("c"))
      try await lab.commitAll([table.tenant])
      _ = try await lab.publish(table, TestEvent("d"))
      try await lab.commitAll([table.tenant])
      _ = try await lab.publish(table, TestEvent("e"))
      _ = try await lab.publish(table, TestEvent("f"), TestEvent("g"))
      #expect(try await lab.catalog.violations().isEmpty)
      for statement in damage.statements { try await lab.backend.damage(statement) }
      let found = try await lab.catalog.violations()
      #expect(found.contains { $0.rule == damage.rule }, "found \(found.map(\.rule))")
      for violation in found where violation.tenant != nil {
        #expect(violation.tenant == table.tenant)
      }
    }
  }

  @Test(arguments: StoreBackends.all)
  func aDamagedSegmentStopsTheClaimInsteadOfSkippingATokenOrInventingOne(
    _ kind: StoreKind
  ) async throws {
    let common = [
      "DELETE FROM duckmesh_segment WHERE first_token = 1",
      "DELETE FROM duckmesh_segment WHERE first_token = 2",
      "UPDATE duckmesh_segment SET last_token = last_token - 1 WHERE first_token = 2",
      "UPDATE duckmesh_segment SET record_count = -1 WHERE first_token = 2",
    ]
    for damage in 0..<6 {
      try await withLab(kind) { lab in
        let table = try await lab.makeTable(of: "acme")
        _ = try await lab.publish(table, TestEvent("a"))
        _ = try await lab.publish(table, TestEvent("b"), TestEvent("c"))
        _ = try await lab.publish(table, TestEvent("d"))
        let statement = (common + lab.backend.skipListDamages)[damage]
        try await lab.backend.damage(statement)
        let error = await #expect(throws: BusError.self, "\(statement)") {
          try await lab.claim(OwnerID("owner"), [table.tenant])
        }
        guard case .damaged = error else {
          Issue.record("\(statement): \(String(describing: error))")
          return
        }
      }
    }
  }
}

/// One broken fact and the rule that must say so.
struct Damage: Sendable, CustomTestStringConvertible {
  let rule: String
  let statements: [String]
  var testDescription: String { rule + ": " + statements[0] }

  init(_ rule: String, _ statements: String...) {
    self.init(rule: rule, statements: statements)
  }

  private init(rule: String, statements: [String]) {
    self.rule = rule
    self.statements = statements
  }

  static let all: [Damage] = [
    Damage("each token has exactly one key", "DELETE FROM duckmesh_key WHERE token = 2"),
    Damage("each token has exactly one key", "UPDATE duckmesh_head SET head = head + 1"),
    Damage("no two keys of a tenant share a token", "UPDATE duckmesh_key SET token = 1"),
    Damage(
      "a key's token is one that was issued", "UPDATE duckmesh_key SET token = 99 WHERE token = 2"),
    Damage(
      "a key's token is one that was issued", "UPDATE duckmesh_key SET token = 0 WHERE token = 2"),
    Damage(
      "segments follow the watermark without a gap up to the head",
      "DELETE FROM duckmesh_segment WHERE first_token = 5"),
    Damage(
      "segments follow the watermark without a gap up to the head",
      "DELETE FROM duckmesh_segment WHERE first_token = 6"),
    Damage(
      "segments follow the watermark without a gap up to the head",
      "UPDATE duckmesh_segment SET last_token = 6 WHERE first_token = 5",
      "UPDATE duckmesh_segment SET last_token = 6 WHERE first_token = 6"),
    Damage("a watermark does not pass the head", "UPDATE duckmesh_head SET head = 1"),
    Damage(
      "the ledger accounts for every token up to the watermark",
      "UPDATE duckmesh_ledger SET no_operation = no_operation + 1"),
    Damage(
      "void tokens lie apart, and wholly on one side of the watermark",
      "INSERT INTO duckmesh_void SELECT tenant_id, 3, 5, 1, 1 FROM duckmesh_head"),
    Damage(
      "the totals are what the ledger adds up to",
      "UPDATE duckmesh_consumer SET superseded = superseded + 1"),
    Damage(
      "the newest snapshot of a tenant carries its watermark",
      "UPDATE duckmesh_consumer SET watermark = 3"),
    Damage(
      "the newest snapshot of a tenant carries its watermark", "DELETE FROM duckmesh_watermark"),
    Damage(
      "a tenant's watermark rises with its snapshots",
      "UPDATE duckmesh_watermark SET watermark = 9 WHERE watermark = 3"),
    Damage(
      "the live rows of a table's files are those its ledger inserted and did not remove",
      "UPDATE ducklake_data_file SET record_count = record_count + 1"),
    Damage(
      "the live rows of a table's files are those its ledger inserted and did not remove",
      "DELETE FROM ducklake_data_file WHERE begin_snapshot = 4"),
    Damage(
      "the live rows of a table's files are those its ledger inserted and did not remove",
      "INSERT INTO ducklake_delete_file(delete_file_id, table_id, begin_snapshot, data_file_id,"
        + " path, delete_count) SELECT 900, table_id, begin_snapshot, data_file_id, 'x', 1"
        + " FROM ducklake_data_file LIMIT 1"),
    Damage(
      "a table's newest row of the ledger tells how many rows it has",
      "UPDATE duckmesh_ledger SET table_rows = table_rows + 1"),
    Damage(
      "an event removes one row at most, and each that deletes removes one",
      "UPDATE duckmesh_ledger SET deleted = 1"),
    Damage(
      "an event removes one row at most, and each that deletes removes one",
      "UPDATE duckmesh_ledger SET removed_rows = 99"),
    Damage(
      "the totals are what the ledger adds up to",
      "UPDATE duckmesh_consumer SET deleted = deleted + 1"),
    ofDeletes("900, table_id, 9, data_file_id, 'x', 0"),
    ofDeletes("900, table_id, 9, data_file_id, 'x', 99"),
    ofDeletes("900, table_id, 9, 99, 'x', 1"),
    ofDeletes(
      "900, table_id, 9, data_file_id, 'x', 1",
      "UPDATE ducklake_data_file SET end_snapshot = 10"),
    ofDeletes(
      "900, table_id, 9, data_file_id, 'x', 1",
      "INSERT INTO ducklake_delete_file(delete_file_id, table_id, begin_snapshot, end_snapshot,"
        + " data_file_id, path) SELECT 901, table_id, 8, 10, data_file_id, 'y'"
        + " FROM ducklake_delete_file"),
    Damage("each dead letter of the ledger is kept", "DELETE FROM duckmesh_dead_letter"),
    Damage(
      "snapshot times rise with snapshot ids",
      "UPDATE ducklake_snapshot SET snapshot_time = (SELECT max(snapshot_time) FROM"
        + " ducklake_snapshot) WHERE snapshot_id = 1"),
    Damage(
      "no path is named twice", "UPDATE ducklake_data_file SET path = 'same.parquet'"),
    Damage(
      "no file of the lake is on the schedule of deletion",
      "INSERT INTO ducklake_files_scheduled_for_deletion(data_file_id, path)"
        + " SELECT f.data_file_id,"
        + " 'schema-' || n.schema_id || '/table-' || t.table_id || '/' || f.path"
        + " FROM ducklake_data_file f JOIN duckmesh_table t USING (table_id)"
        + " JOIN duckmesh_tenant n USING (tenant_id) LIMIT 1"),
  ]

  private static func ofDeletes(_ values: String, _ more: String...) -> Damage {
    Damage(
      rule: "a live data file has one delete file at most, over some of its rows",
      statements: [
        "INSERT INTO ducklake_delete_file(delete_file_id, table_id, begin_snapshot, data_file_id,"
          + " path, delete_count) SELECT \(values) FROM ducklake_data_file LIMIT 1"
      ] + more)
  }
}
