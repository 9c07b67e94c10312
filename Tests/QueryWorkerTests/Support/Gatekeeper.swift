import Runtime
import WorkerPool
import WorkerProtocol

/// Tells when the first rows have come, then holds them until let go.
final class Gatekeeper: AnswerSink {
  let firstRows = OneShot<Void>()
  let letGo = OneShot<Void>()
  private let isHeld = Lock(true)
  let bytes = Lock(0)

  func head(_ head: AnswerHead) async throws {}
  func rows(_ rows: [UInt8]) async throws {
    bytes.withLock { $0 += rows.count }
    firstRows.decide(())
    let mustWait = isHeld.withLock { isHeld in
      defer { isHeld = false }
      return isHeld
    }
    if mustWait { await letGo.value() }
  }
  func end(_ end: AnswerEnd) async throws {}
}
