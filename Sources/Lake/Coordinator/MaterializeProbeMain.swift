import DuckDB
import Foundation
import Glibc
import IngestBus
import Model
import Runtime
import Sandbox

/// The whole life of a probe's child process: reads its request from descriptor 3, does what a
/// materialiser does, and ends.
package func materializeProbeMain() -> Never {
  let socket: Int32 = 3
  do {
    // A crash is what it is there for: nobody wants its memory on disk.
    try Sandbox.set(.core, to: 0)
    let request = try JSONDecoder().decode(ProbeRequest.self, from: readToEnd(of: socket))
    // The server holds the other end: without it nobody waits for the answer.
    let watcher = try DedicatedThread(name: "probe-watcher") {
      var interest = pollfd(fd: socket, events: 0, revents: 0)
      while poll(&interest, 1, -1) < 0 && errno == EINTR {}
      _exit(CrashProbe.Exit.failed)
    }
    try withExtendedLifetime(watcher) { try rehearse(request) }
  } catch {
    _exit(CrashProbe.Exit.failed)
  }
  // No exit handlers, as in a query worker.
  _exit(CrashProbe.Exit.survived)
}

private func readToEnd(of descriptor: Int32) throws -> Data {
  try FileHandle(fileDescriptor: descriptor, closeOnDealloc: false).readToEnd() ?? Data()
}

private struct RequestDoesNotAddUp: Error {}

private func rehearse(_ request: ProbeRequest) throws {
  let counts = request.payloadByteCounts
  let operations = request.operations.compactMap(IngestOperation.init)
  guard counts.count == request.tokens.count, operations.count == request.tokens.count,
    counts.allSatisfy({ $0 >= 0 }),
    counts.reduce(0, +) == request.payloads.count
  else { throw RequestDoesNotAddUp() }
  var events: [PlannedEvent] = []
  events.reserveCapacity(counts.count)
  var rest = request.payloads[...]
  for (index, count) in counts.enumerated() {
    events.append(
      PlannedEvent(
        token: VisibilityToken(request.tokens[index]), schemaVersion: 0,
        record: EventRecord(
          operation: operations[index], idempotencyKey: [], payload: Array(rest.prefix(count)))))
    rest = rest.dropFirst(count)
  }
  let instance = try MaterializerPool.open(
    MaterializerPool.Options(
      threads: request.engineThreads, memoryLimitBytes: request.engineMemoryBytes,
      temporaryFolder: request.folder + "/spill"))
  let materializer = try Materializer(
    instance: instance, poison: request.poison.flatMap(PoisonText.init))
  _ = try materializer.write(events, shape: request.shape, to: request.folder + "/rows.parquet")
}
