import Dispatch
import DuckDB
import Edge
import Foundation
import IngestBus
import Model
import Rendering
import SQLiteStore

/// What every event or row passes through; a turn of each is named by how much it carries.
enum HotPath: String, CaseIterable {
  case edgeRequestOf1 = "edge-request-of-1"
  case edgeRequestOf1000 = "edge-request-of-1000"
  case edgeLines1000 = "edge-lines-1000"
  case segmentEncode1000 = "segment-encode-1000"
  case segmentDecode1000 = "segment-decode-1000"
  case sqlitePublish64 = "sqlite-publish-64"
  case renderJSON1000 = "render-json-1000"

  /// Not asynchronous: valgrind does not survive the main thread's waiting for a task.
  func run(turns: Int) throws {
    switch self {
    case .edgeRequestOf1: try parse(records: 1, turns)
    case .edgeRequestOf1000: try parse(records: 1_000, turns)
    case .edgeLines1000: try readLines(1_000, turns)
    case .segmentEncode1000:
      let run = Sample.run(1_000)
      for _ in 0..<turns { consume(SegmentCodec.encode([run]).byteCount) }
    case .segmentDecode1000:
      let body = SegmentCodec.encode([Sample.run(1_000)])
      for _ in 0..<turns { consume(try SegmentCodec.decode(body).count) }
    case .sqlitePublish64:
      let isDone = DispatchSemaphore(value: 0)
      Task {
        do { try await publish(64, turns) } catch { preconditionFailure("\(error)") }
        isDone.signal()
      }
      isDone.wait()
    case .renderJSON1000: try render(1_000, turns)
    }
  }

  private func parse(records: Int, _ turns: Int) throws {
    let parser = IngestParser()
    let table = try Sample.table()
    let body = Sample.request(records)
    for _ in 0..<turns { consume(try parser.parse(body, for: table).records.count) }
  }

  private func readLines(_ count: Int, _ turns: Int) throws {
    let table = try Sample.table()
    let block = Array(((0..<count).map { Sample.payload($0) + "\n" }).joined().utf8)
    let reader = BatchReader(
      format: .ndjson, table: table, limits: IngestLimits(), longestRecord: 1 << 20)
    for _ in 0..<turns {
      consume(try block.withUnsafeBytes { try reader.read($0).count })
    }
  }

  private func publish(_ count: Int, _ turns: Int) async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/hotpaths-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let database = try SQLiteDatabase(
      path: folder + "/catalog.sqlite", lakeFolder: folder + "/lake/")
    let catalog = SQLiteCatalog(database: database)
    let tenant = try await catalog.ensureTenant(named: "hot", limit: 10).id
    let table = try await catalog.createTable(
      .init(name: "events", schema: try Sample.schema()), tenant: tenant)
    let bus = SQLiteIngestBus(database: database)
    let runs = (0..<count).map { Sample.run(1, from: $0, table: table.id) }
    for turn in 0..<turns {
      let requests = (turn * count..<(turn + 1) * count).map {
        Sample.request(of: $0, table: table.id)
      }
      let group = PublishGroup(tenants: [
        TenantBatch(
          tenant: tenant, requests: requests, body: SegmentCodec.encode(runs))
      ])
      for outcome in try await bus.publish(group) {
        guard case .accepted = outcome else { preconditionFailure("\(outcome)") }
      }
    }
  }

  private func render(_ count: Int, _ turns: Int) throws {
    let connection = try DuckDBInstance(.init(settings: ["threads": "1"])).connect()
    _ = try connection.execute(
      """
      CREATE TABLE events AS SELECT uuid() AS event_id, TIMESTAMPTZ '2026-05-01 10:00:00Z'
        + to_seconds(i) AS occurred_at, i::INTEGER AS item, i * 7919 AS user_id, 'view' AS kind,
        '/shoes/product-' || i AS path, 'DE' AS country, i / 4 AS duration_ms,
        (i * 31 % 1000000 / 100)::DECIMAL(12,2) AS amount, i % 2 = 0 AS is_mobile
      FROM range(\(count)) AS t(i)
      """)
    for _ in 0..<turns {
      let result = try connection.prepare("SELECT * FROM events").execute()
      let renderer = RowRenderer(format: .json, columns: result.columns)
      var buffer = OutputBuffer()
      while let chunk = try result.nextChunk() {
        consume(try renderer.render(chunk, upTo: .max, into: &buffer))
      }
    }
  }
}

/// Keeps a result from being optimised away.
@inline(never)
private func consume(_ value: Int) {
  precondition(value >= 0)
}
