import Foundation
import SQLite
import Testing

@Suite struct SQLiteConnectionTests {
  private struct Refused: Error, Equatable {}

  @Test func aTransactionIsAllOrNothing() async throws {
    try await withSQLiteFolder { folder in
      let connection = try folder.connect()
      try connection.execute("CREATE TABLE t(i INTEGER)")
      try connection.transaction(.immediate) { () throws(SQLiteError) in
        try connection.execute("INSERT INTO t VALUES (1)")
      }
      #expect(throws: Refused.self) {
        try connection.transaction(.immediate, failure: { _ in Refused() }) {
          () throws(Refused) in
          do { try connection.execute("INSERT INTO t VALUES (2)") } catch { throw Refused() }
          throw Refused()
        }
      }
      #expect(!connection.isInTransaction)
      #expect(try count(connection) == 1)
    }
  }

  @Test func anErrorInTheMiddleLeavesNothingAndTheConnectionUsable() async throws {
    try await withSQLiteFolder { folder in
      let connection = try folder.connect()
      try connection.execute("CREATE TABLE t(i INTEGER UNIQUE, b BLOB)")
      try connection.execute("INSERT INTO t(i) VALUES (1), (2), (3)")
      for _ in 0..<3 {
        #expect(throws: SQLiteError.constraint(message: "UNIQUE constraint failed: t.i")) {
          try connection.transaction(.immediate) { () throws(SQLiteError) in
            try connection.execute("INSERT INTO t(i) VALUES (4)")
            // Left in the middle of its rows by the error.
            let rows = try connection.statement("SELECT i FROM t ORDER BY i")
            _ = try rows.step()
            try connection.statement("INSERT INTO t(i) VALUES (2)").run()
          }
        }
        #expect(!connection.isInTransaction)
        #expect(try count(connection) == 3)
      }
    }
  }

  @Test func aFullDiskIsToldAndRolledBack() async throws {
    try await withSQLiteFolder { folder in
      let connection = try folder.connect()
      try connection.execute("CREATE TABLE t(b BLOB)")
      try connection.execute("PRAGMA max_page_count = 20")
      #expect(throws: SQLiteError.storageFull) {
        try connection.transaction(.immediate) { () throws(SQLiteError) in
          for _ in 0..<100 {
            try connection.statement("INSERT INTO t VALUES (zeroblob(4000))").run()
          }
        }
      }
      #expect(!connection.isInTransaction)
      #expect(try count(connection) == 0)
      try connection.transaction(.immediate) { () throws(SQLiteError) in
        try connection.execute("INSERT INTO t VALUES (x'00')")
      }
      #expect(try count(connection) == 1)
    }
  }

  @Test func aLockedDatabaseIsBusyAndABeginThatFailsLeavesNoTransaction() async throws {
    try await withSQLiteFolder { folder in
      let (first, second) = (try folder.connect(), try folder.connect())
      try first.execute("CREATE TABLE t(i INTEGER)")
      try first.transaction(.immediate) { () throws(SQLiteError) in
        #expect(throws: SQLiteError.busy) {
          try second.transaction(.immediate) { () throws(SQLiteError) in }
        }
        #expect(!second.isInTransaction)
      }
      try second.transaction(.immediate) { () throws(SQLiteError) in
        try second.execute("INSERT INTO t VALUES (1)")
      }
    }
  }

  @Test func aReaderSeesOneStateUntilItsTransactionEnds() async throws {
    try await withSQLiteFolder { folder in
      let writer = try folder.connect()
      try writer.execute("CREATE TABLE t(i INTEGER)")
      let reader = try folder.connect(.readOnly)
      try reader.transaction(.read) { () throws(SQLiteError) in
        #expect(try count(reader) == 0)
        try writer.execute("INSERT INTO t VALUES (1)")
        #expect(try count(reader) == 0)
      }
      #expect(try count(reader) == 1)
      #expect(throws: SQLiteError.self) { try reader.execute("INSERT INTO t VALUES (2)") }
    }
  }

  @Test func aCheckpointEmptiesTheLogAndIsRefusedWhileItsOwnConnectionReads() async throws {
    try await withSQLiteFolder { folder in
      let connection = try folder.connect()
      try connection.execute("PRAGMA wal_autocheckpoint = 0")
      try connection.execute("CREATE TABLE t(b BLOB)")
      for _ in 0..<50 { try connection.execute("INSERT INTO t VALUES (zeroblob(4000))") }
      let rows = try connection.statement("SELECT b FROM t")
      #expect(try rows.step())
      #expect(throws: SQLiteError.busy) { try connection.checkpoint(.passive) }
      rows.reset()
      let pages = try connection.checkpoint(.passive)
      #expect(pages.log > 50)
      #expect(pages.moved == pages.log)
      _ = try connection.checkpoint(.truncate)
      let log = try FileManager.default.attributesOfItem(atPath: folder.database + "-wal")
      #expect((log[.size] as? NSNumber)?.intValue == 0)
    }
  }

  @Test func whatIsNoDatabaseOrCannotBeOpenedIsToldSo() async throws {
    try await withSQLiteFolder { folder in
      let error = #expect(throws: SQLiteError.self) { try folder.connect(.readOnly) }
      guard case .cannotOpen = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      try Data(repeating: 65, count: 8_192).write(to: URL(fileURLWithPath: folder.database))
      let damaged = #expect(throws: SQLiteError.self) { try folder.connect() }
      guard case .corrupt = damaged else {
        Issue.record("\(String(describing: damaged))")
        return
      }
    }
  }

  private func count(_ connection: SQLiteConnection) throws(SQLiteError) -> Int64 {
    let row = try connection.statement("SELECT count(*) FROM t")
    _ = try row.step()
    defer { row.reset() }
    return row.int64(0)
  }
}
