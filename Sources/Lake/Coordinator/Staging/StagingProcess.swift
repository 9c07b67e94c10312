import Catalog
import Foundation
import Glibc
import IngestBus
import Model
import Runtime
import Sandbox

/// Why nothing came of an upload's rows.
package enum StagingError: Error, Equatable, Sendable {
  /// The file does not fit the table.
  case violations([StagedFileViolation])
  /// The file cannot be read.
  case unreadable(String)
  case limitExceeded(StagedLimit)
  /// The child ended by itself on these data, as the engine does when it gives up.
  case crashed
  case storageFull
  case environment(String)
}

/// What became of an upload's rows: files in the child's folder, in the order of the rows.
package struct StagedRows: Sendable {
  package var files: [StagedBatch.File]
  /// Payloads that the engine refused, by their place, with its words.
  package var refused: [(position: Int, message: String, payload: [UInt8])]
}

/// How staging children are started.
package struct StagingOptions: Sendable {
  /// The absolute path of `duckmesh`.
  package var executable: String
  package var threads: Int
  package var memoryBytes: Int
  /// Of temporary files, for rows that are more than the memory holds.
  package var spillBytes: Int
  package var sliceBytes: Int
  /// Bytes of a row that is sent as a line.
  package var longestRow: Int
  package var confinement: StagingConfinement
  /// For the child to begin, for one frame to be taken, and for the reply after the last one.
  package var beginTimeoutSeconds: Int
  package var frameTimeoutSeconds: Int
  package var replyTimeoutSeconds: Int
  /// For all that the server waits for the child.
  package var totalTimeoutSeconds: Int
  /// For one that has hung up to end by itself, which tells why.
  package var endTimeoutSeconds: Int

  package init(
    executable: String, threads: Int = 2, memoryBytes: Int = 1 << 30,
    spillBytes: Int = 8 << 30, sliceBytes: Int = 32 << 20, longestRow: Int = 1 << 20,
    confinement: StagingConfinement = .prefer, beginTimeoutSeconds: Int = 300,
    frameTimeoutSeconds: Int = 300, replyTimeoutSeconds: Int = 1_800,
    totalTimeoutSeconds: Int = 3_600, endTimeoutSeconds: Int = 30
  ) {
    self.executable = executable
    self.threads = threads
    self.memoryBytes = memoryBytes
    self.spillBytes = spillBytes
    self.sliceBytes = sliceBytes
    self.longestRow = longestRow
    self.confinement = confinement
    self.beginTimeoutSeconds = beginTimeoutSeconds
    self.frameTimeoutSeconds = frameTimeoutSeconds
    self.replyTimeoutSeconds = replyTimeoutSeconds
    self.totalTimeoutSeconds = totalTimeoutSeconds
    self.endTimeoutSeconds = endTimeoutSeconds
  }
}

/// A child process that writes one upload's rows as typed Parquet.
///
/// The engine that reads a client's file, or a few gigabytes of a client's rows, runs in a process
/// of its own: confined to one folder, with bounded memory, and gone when the upload is. What it
/// says is believed only as far as the folder it may write.
///
/// All calls block, for a bounded time whatever the child does; one caller at a time. Whoever wants
/// an end before has the cancellation.
package final class StagingProcess: Sendable {
  package static let subcommand = "staging-worker"
  /// The file that a child converts, in its folder.
  package static let bodyName = "body"

  private let child: ChildProcess
  let socket: StagingSocket
  let options: StagingOptions
  private let patience: Lock<StagingPatience>

  /// - Parameters:
  ///   - table: whose columns the rows have.
  ///   - folder: the child's own.
  ///   - form: what becomes of a file's rows.
  ///   - cancellation: what came of it before counts as well.
  package init(
    _ format: StagedFormat, table: TableRecord, folder: String, options: StagingOptions,
    form: StagedRowForm = .files, cancellation: StagingCancellation = StagingCancellation()
  ) throws(StagingError) {
    guard !cancellation.isCancelled else { throw .environment("the upload was cancelled") }
    self.options = options
    patience = Lock(StagingPatience(totalSeconds: options.totalTimeoutSeconds))
    // What the engine says as it crashes may quote the data, and is no line of our log.
    let nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC)
    guard nowhere >= 0 else { throw .environment("a staging child could not be started") }
    defer { close(nowhere) }
    do {
      child = try ChildProcess(
        executable: options.executable, arguments: [options.executable, Self.subcommand],
        log: nowhere)
    } catch {
      throw .environment("a staging child could not be started: \(error)")
    }
    cancellation.take(child)
    socket = StagingSocket(descriptor: child.socket)
    let request = StagingRequest(
      format: format, form: form, shape: RowShape(table),
      columns: zip(table.definition.schema.columns, table.fieldIDs).map { column, field in
        StagingRequest.Column(
          field: field, type: column.type.sqlName,
          // Lines are read as a client's are, which tells the row as well. A column of the key
          // has no way to be missing, whatever the operation is.
          isNullable: column.isNullable
            || form == .lines && !table.definition.primaryKey.contains(column.name),
          defaultSQL: column.defaultValue.map { $0.sql(as: column.type) })
      },
      folder: folder, threads: options.threads, memoryBytes: options.memoryBytes,
      spillBytes: form == .lines ? options.memoryBytes : options.spillBytes,
      sliceBytes: options.sliceBytes, longestRow: options.longestRow,
      confinement: options.confinement,
      poison: PoisonText.armed?.text)
    do {
      guard let bytes = try? JSONEncoder().encode(request) else { throw StagingSocketError.closed }
      let answer = try exchange(atMostSeconds: options.beginTimeoutSeconds) {
        deadline throws(StagingSocketError) in
        try socket.send(.begin, Array(bytes), until: deadline)
        return try socket.receive(until: deadline)
      }
      guard answer.kind == .ready else { throw try Self.failure(answer) }
    } catch {
      end()
      throw (error as? StagingError) ?? .environment("a staging child did not begin")
    }
  }

  deinit { end() }

  /// Payloads that the edge has checked, in order after those before.
  package func send(_ payloads: [[UInt8]]) throws(StagingError) {
    var body: [UInt8] = []
    for payload in payloads {
      withUnsafeBytes(of: UInt32(payload.count).littleEndian) { body.append(contentsOf: $0) }
      body.append(contentsOf: payload)
      if body.count >= Self.frameBytes {
        try send(frame: body)
        body.removeAll(keepingCapacity: true)
      }
    }
    if !body.isEmpty { try send(frame: body) }
  }

  static let frameBytes = 4 << 20

  private func send(frame body: [UInt8]) throws(StagingError) {
    do throws(StagingSocketError) {
      // A child that has failed says so and reads on; there is no use in sending it the rest.
      if socket.hasNews { throw StagingSocketError.closed }
      try exchange(atMostSeconds: options.frameTimeoutSeconds) {
        deadline throws(StagingSocketError) in
        try socket.send(.records, body, until: deadline)
      }
    } catch {
      throw outcome(of: error)
    }
  }

  /// Says that all was sent, and waits for what comes of it; call it last.
  package func finish() throws(StagingError) -> StagedRows {
    let frame: (kind: StagingSocket.Kind, body: [UInt8])
    do throws(StagingSocketError) {
      frame = try exchange(atMostSeconds: options.replyTimeoutSeconds) {
        deadline throws(StagingSocketError) in
        try socket.send(.finish, [], until: deadline)
        return try socket.receive(until: deadline)
      }
    } catch {
      throw outcome(of: error)
    }
    return try conclude(frame)
  }

  /// - Parameter frame: the child's last.
  func conclude(
    _ frame: (kind: StagingSocket.Kind, body: [UInt8])
  ) throws(StagingError) -> StagedRows {
    // All is said and its files are closed: how it ends makes no difference.
    end()
    guard let reply = try? Self.reply(frame) else {
      throw .environment("a staging child spoke nonsense")
    }
    return try Self.rows(reply)
  }

  func exchange<Value>(
    atMostSeconds seconds: Int,
    _ body: (MonotonicInstant) throws(StagingSocketError) -> Value
  ) throws(StagingSocketError) -> Value {
    let (clock, begun) = (SystemMonotonicClock(), SystemMonotonicClock().now)
    defer { patience.withLock { $0.spend(clock.now - begun) } }
    return try body(patience.withLock { $0.deadline(atMostSeconds: seconds, from: begun) })
  }

  /// Ends the child and reaps it; call it instead of `finish`.
  ///
  /// It is killed first: only so is the wait for it bounded.
  package func end() {
    child.kill()
    child.wait()
  }

  private static func reply(
    _ frame: (kind: StagingSocket.Kind, body: [UInt8])
  ) throws(StagingSocketError) -> StagingReply {
    guard frame.kind == .reply,
      let reply = try? JSONDecoder().decode(StagingReply.self, from: Data(frame.body))
    else { throw .malformed }
    return reply
  }

  private static func failure(
    _ frame: (kind: StagingSocket.Kind, body: [UInt8])
  ) throws(StagingSocketError) -> StagingError {
    do {
      _ = try rows(try reply(frame))
      return .environment("a staging child ended before its time")
    } catch let error as StagingError {
      return error
    } catch {
      throw .malformed
    }
  }

  private static func rows(_ reply: StagingReply) throws(StagingError) -> StagedRows {
    if reply.isStorageFull { throw .storageFull }
    if let limit = reply.limit { throw .limitExceeded(limit) }
    if let failure = reply.failure { throw .environment(failure) }
    if let unreadable = reply.unreadable { throw .unreadable(unreadable) }
    guard reply.violations.isEmpty else { throw .violations(reply.violations) }
    return StagedRows(
      files: reply.files.map(\.staged),
      refused: reply.refused.map { ($0.position, $0.message, Array($0.payload)) })
  }

  /// What the child has said, or how it ended. It is gone afterwards.
  func outcome(of error: StagingSocketError) -> StagingError {
    var error = error
    if error == .closed {
      do throws(StagingSocketError) {
        let frame = try exchange(atMostSeconds: options.frameTimeoutSeconds) {
          deadline throws(StagingSocketError) in
          try socket.receive(until: deadline)
        }
        end()
        return (try? Self.failure(frame)) ?? .environment("a staging child spoke nonsense")
      } catch let silence {
        error = silence
      }
    }
    // One that has hung up is about to end, and how it does tells what it met.
    guard error == .closed,
      let status = child.wait(atMostMs: 1_000 * options.endTimeoutSeconds)
    else {
      end()
      return .environment(
        error == .malformed ? "a staging child spoke nonsense" : "a staging child took too long")
    }
    do {
      // The same words for the same ends as a probe's child has.
      return try CrashProbe.verdict(status) ? .crashed : .environment("a staging child has gone")
    } catch {
      return .environment("\(error)")
    }
  }
}
