import IngestBus
import LakeTables
import Model
import SQLite

extension SQLiteIngestBus {
  package func beginUpload(
    _ upload: UploadID, tenant: TenantID, leaseMs: Int
  ) async throws(BusError) {
    let clock = database.clock
    try await write { (connection) throws(SQLiteError) in
      try connection.statement(
        """
        INSERT INTO duckmesh_upload(upload_id, tenant_id, phase, leased_until) VALUES (?, ?, ?, ?)
        """
      ).bind(upload.rawValue, at: 1).bind(tenant.rawValue, at: 2)
        .bind(UploadPhase.staging.rawValue, at: 3)
        .bind(clock.lease().adding(milliseconds: leaseMs).microseconds, at: 4).run()
    }
  }

  package func abandonUpload(_ upload: UploadID) async throws(BusError) -> Bool {
    try await write { (connection) throws(SQLiteError) in
      try UploadRow.move(upload, from: .staging, to: .abandoned, connection)
      let row = try connection.statement("SELECT phase FROM duckmesh_upload WHERE upload_id = ?")
        .bind(upload.rawValue, at: 1)
      guard try row.step() else { return false }
      defer { row.reset() }
      return row.int64(0) == UploadPhase.abandoned.rawValue
    }
  }

  package func collectableUploads(
    settledSeconds: Int, limit: Int
  ) async throws(BusError) -> [UploadID] {
    let clock = database.clock
    return try await write { (connection) throws(SQLiteError) in
      let now = clock.wall()
      try connection.statement(
        "UPDATE duckmesh_upload SET phase = ? WHERE phase = ? AND leased_until <= ?"
      ).bind(UploadPhase.abandoned.rawValue, at: 1).bind(UploadPhase.staging.rawValue, at: 2)
        .bind(clock.lease().microseconds, at: 3).run()
      try connection.statement(
        """
        UPDATE duckmesh_upload SET phase = ?, settled_at = ? WHERE phase = ? AND last_token <= (
          SELECT watermark FROM duckmesh_consumer c WHERE c.tenant_id = duckmesh_upload.tenant_id)
        """
      ).bind(UploadPhase.settled.rawValue, at: 1).bind(now.microseconds, at: 2)
        .bind(UploadPhase.named.rawValue, at: 3).run()
      let row = try connection.statement(
        """
        SELECT upload_id FROM duckmesh_upload WHERE phase = ? OR (phase = ? AND settled_at <= ?)
        ORDER BY upload_id LIMIT ?
        """
      ).bind(UploadPhase.abandoned.rawValue, at: 1).bind(UploadPhase.settled.rawValue, at: 2)
        .bind(now.adding(seconds: -settledSeconds).microseconds, at: 3).bind(Int64(limit), at: 4)
      var uploads: [UploadID] = []
      while try row.step() { uploads.append(UploadID(row.text(0))) }
      return uploads
    }
  }

  package func forgetUploads(_ uploads: [UploadID]) async throws(BusError) {
    try await write { (connection) throws(SQLiteError) in
      for upload in uploads {
        try connection.statement(
          "DELETE FROM duckmesh_upload WHERE upload_id = ? AND phase IN (?, ?)"
        ).bind(upload.rawValue, at: 1).bind(UploadPhase.abandoned.rawValue, at: 2)
          .bind(UploadPhase.settled.rawValue, at: 3).run()
      }
    }
  }

  package func unknownUploads(
    among uploads: [UploadID]
  ) async throws(BusError) -> [UploadID] {
    try await read { (connection) throws(SQLiteError) in
      var unknown: [UploadID] = []
      for upload in uploads {
        let row = try connection.statement("SELECT 1 FROM duckmesh_upload WHERE upload_id = ?")
          .bind(upload.rawValue, at: 1)
        defer { row.reset() }
        if try !row.step() { unknown.append(upload) }
      }
      return unknown
    }
  }
}

enum UploadRow {
  /// - Returns: whether the upload's files are there for good: it was registered and in its lease.
  static func name(
    _ upload: UploadID, through token: VisibilityToken, now: Timestamp,
    _ connection: SQLiteConnection
  ) throws(SQLiteError) -> Bool {
    try connection.statement(
      """
      UPDATE duckmesh_upload SET phase = ?, last_token = ?
      WHERE upload_id = ? AND phase = ? AND leased_until > ?
      """
    ).bind(UploadPhase.named.rawValue, at: 1).bind(token.rawValue, at: 2)
      .bind(upload.rawValue, at: 3).bind(UploadPhase.staging.rawValue, at: 4)
      .bind(now.microseconds, at: 5).run()
    return connection.changes == 1
  }

  static func move(
    _ upload: UploadID, from: UploadPhase, to phase: UploadPhase, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement(
      "UPDATE duckmesh_upload SET phase = ? WHERE upload_id = ? AND phase = ?"
    ).bind(phase.rawValue, at: 1).bind(upload.rawValue, at: 2).bind(from.rawValue, at: 3).run()
  }
}
