import DuckDB
import Foundation
import Glibc
import IngestBus
import Model
import Runtime
import Sandbox

/// The whole life of a staging child: reads from descriptor 3, writes into its folder, replies,
/// ends.
package func stagingWorkerMain() -> Never {
  let socket = StagingSocket(descriptor: 3)
  do {
    let worker = try StagingWorker.begin(socket)
    let reply = worker.work()
    try socket.send(.reply, Array(try JSONEncoder().encode(reply)))
    // Whatever is still being sent to a child that has failed early is read away, so that the
    // sender is not held up and finds the reply.
    while (try? socket.receive()) != nil {}
  } catch {
    _exit(CrashProbe.Exit.failed)
  }
  // No exit handlers, as in a query worker.
  _exit(CrashProbe.Exit.survived)
}

/// What a staging child does with its one request.
struct StagingWorker {
  let request: StagingRequest
  let socket: StagingSocket
  let engine: DuckDBInstance

  /// Takes the request, starts the engine and gives up what it does not need.
  static func begin(_ socket: StagingSocket) throws -> StagingWorker {
    let frame = try socket.receive()
    guard frame.kind == .begin else { throw StagingSocketError.malformed }
    let request = try JSONDecoder().decode(StagingRequest.self, from: Data(frame.body))
    // What the engine reads of the system when it begins, it reads here, on this thread alone; the
    // threads that it starts later are born inside the sandbox.
    let engine = try DuckDBInstance(DuckDBInstance.Options(threads: 1))
    _ = try engine.connect().query("SELECT count(x) FROM (SELECT unnest([1, 2]) AS x)")
    do {
      try request.confinement.apply(
        folder: request.folder,
        memoryBytes: request.memoryBytes + PayloadSlice.memoryBytes(request),
        threads: request.threads + 1)
    } catch {
      let reply = StagingReply(failure: "a staging child could not be confined")
      try socket.send(.reply, Array(try JSONEncoder().encode(reply)))
      _exit(CrashProbe.Exit.failed)
    }
    let connection = try engine.connect()
    for setting in [
      "threads = \(request.threads)", "memory_limit = '\(request.memoryBytes)B'",
      "temp_directory = \(SQLText.literal(request.folder + "/spill"))",
      "max_temp_directory_size = '\(spillBytes(request))B'",
      "autoload_known_extensions = false", "autoinstall_known_extensions = false",
    ] { try connection.execute("SET GLOBAL \(setting)") }
    try socket.send(.ready, [])
    return StagingWorker(request: request, socket: socket, engine: engine)
  }

  /// Never so much that others would find the disk full.
  private static func spillBytes(_ request: StagingRequest) -> Int {
    var facts = statvfs()
    guard statvfs(request.folder, &facts) == 0 else { return request.spillBytes }
    return min(request.spillBytes, Int(facts.f_bavail) * Int(facts.f_frsize) / 2)
  }

  /// The engine has no kind of error for it, but quotes the system.
  static func isStorageFull(_ error: DuckDBError) -> Bool {
    [ENOSPC, EDQUOT].contains { error.message.contains(String(cString: strerror($0))) }
  }

  func work() -> StagingReply {
    do {
      switch request.format {
      case .payloads: return try stagePayloads()
      case .parquet, .arrow:
        try awaitFinish()
        return try FileConversion(request: request, engine: engine, socket: socket).run()
      }
    } catch let error as DuckDBError {
      if Self.isStorageFull(error) { return StagingReply(isStorageFull: true) }
      return StagingReply(failure: error.message)
    } catch let error as EnvironmentFailure {
      return StagingReply(failure: "\(error)")
    } catch {
      return StagingReply(failure: "a staging child met \(error)")
    }
  }

  private func awaitFinish() throws {
    guard try socket.receive().kind == .finish else { throw StagingSocketError.malformed }
  }

  /// Receives a slice while the one before it is written.
  private func stagePayloads() throws -> StagingReply {
    let (request, materializer) = (
      request,
      try Materializer(instance: engine, poison: request.poison.flatMap(PoisonText.init))
    )
    let writer = try SliceWriter(into: StagingReply()) { slice, reply in
      try Self.write(slice, by: materializer, for: request, adding: &reply)
    }
    var slice = PayloadSlice(largestBytes: request.sliceBytes)
    while true {
      let frame = try socket.receive()
      try writer.check()
      guard frame.kind == .records else {
        guard frame.kind == .finish else { throw StagingSocketError.malformed }
        if !slice.isEmpty { try writer.hand(slice.take()) }
        return try writer.finish()
      }
      for payload in try Self.payloads(in: frame.body) { slice.append(payload) }
      if slice.isFull { try writer.hand(slice.take()) }
    }
  }

  private static func write(
    _ slice: [PlannedEvent], by materializer: Materializer, for request: StagingRequest,
    adding reply: inout StagingReply
  ) throws {
    let name = "\(reply.files.count).parquet"
    let written = try materializer.write(
      slice, shape: request.shape, to: request.folder + "/" + name)
    for file in written.files { reply.files.append(StagingReply.File(file, name: name)) }
    reply.refused += written.failed.map {
      StagingReply.Refused(
        position: Int($0.event.token.rawValue), message: $0.message,
        payload: Data($0.event.record.payload))
    }
  }

  private static func payloads(in body: [UInt8]) throws -> [[UInt8]] {
    var payloads: [[UInt8]] = []
    var start = 0
    while start < body.count {
      guard start + 4 <= body.count else { throw StagingSocketError.malformed }
      let count = (0..<4).reduce(0) { $0 | Int(body[start + $1]) << (8 * $1) }
      start += 4
      guard count <= body.count - start else { throw StagingSocketError.malformed }
      payloads.append(Array(body[start..<start + count]))
      start += count
    }
    return payloads
  }
}
