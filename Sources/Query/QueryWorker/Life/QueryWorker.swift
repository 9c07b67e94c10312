import DuckDB
import Glibc
import Runtime
import Sandbox
import WorkerProtocol

/// A query worker: a warm spare, then bound to one tenant, then a query at a time until the server
/// closes the socket.
///
/// **Invariant:** it never holds a credential, and from the moment it is bound it can open only its
/// tenant's files, read-only, and its own temporary folder.
struct QueryWorker {
  private static let mainStackBytes: UInt64 = 64 << 20
  private static let spareMemoryLimitBytes = 256 << 20

  private let socket: FrameSocket
  private let answersProbes: Bool

  init(socketDescriptor: Int32, answersProbes: Bool) {
    socket = FrameSocket(descriptor: socketDescriptor)
    self.answersProbes = answersProbes
  }

  /// - Returns: false when the worker could not become what the server asked for.
  func live() -> Bool {
    do {
      // Deeply nested statements are parsed and walked on the main thread.
      try? Sandbox.raiseMainStack(to: Self.mainStackBytes)
      Sandbox.ignoreFileSizeSignal()
      let engine = try warmEngine()
      try socket.send(
        ReadyMessage(
          addressSpaceBytes: ProcessFacts.addressSpaceBytes(),
          threadCount: UInt32(ProcessFacts.threadCount())))
      guard let binding = try receiveBinding() else { return true }
      let layers = try SandboxBinding(binding).apply()
      let pipe = AnswerPipe(openFileLimit: binding.openFileLimit)
      try EngineSettings(binding, writablePath: pipe.path).apply(to: engine)
      let exchange = try ExchangeEngine(
        engine, pipe: pipe, memoryLimitBytes: binding.memoryLimitBytes)
      let gate = try StatementGate(try engine.connect())
      let inbox = try QueryInbox(socket: socket)
      try socket.send(BoundMessage(layers: layers))
      serve(engine, exchange, gate, inbox, binding)
      return true
    } catch {
      try? socket.send(RefusedMessage(reason: "\(error)"))
      return false
    }
  }

  /// An engine that has run a statement, on this thread alone.
  private func warmEngine() throws -> DuckDBInstance {
    let engine = try DuckDBInstance(
      DuckDBInstance.Options(
        threads: 1, asyncThreads: 0, memoryLimitBytes: Self.spareMemoryLimitBytes))
    let connection = try engine.connect()
    let gate = try StatementGate(connection)
    _ = try gate.check("SELECT 1")
    _ = try connection.query(
      "SELECT count(x) FROM (SELECT unnest([1, 2]) AS x) WHERE x > 1 GROUP BY x ORDER BY 1")
    return engine
  }

  /// nil when the server no longer wants this spare.
  private func receiveBinding() throws -> BindMessage? {
    let frame: Frame
    do {
      frame = try socket.receive()
    } catch FrameError.closed {
      return nil
    }
    guard frame.kind == .bind else { throw FrameError.malformed }
    guard ProcessFacts.threadCount() == 1 else { throw QueryWorkerError.unexpectedThreads }
    return try BindMessage(decoding: frame.body)
  }

  private func serve(
    _ engine: DuckDBInstance, _ exchange: ExchangeEngine, _ gate: StatementGate,
    _ inbox: QueryInbox, _ binding: BindMessage
  ) {
    let standing = StandingViews(engine)
    while true {
      switch inbox.next() {
      case .query(let message):
        let run = QueryRun(
          message: message, engine: engine, exchange: exchange, gate: gate,
          standing: standing, inbox: inbox, socket: socket,
          hiddenFolders: binding.readableFolders + [binding.temporaryFolder])
        run.answer()
      case .probe(let message) where answersProbes:
        let result = Sandbox.probe(message.operation, path: message.path)
        try? socket.send(ProbedMessage(errorNumber: result))
      case .relations, .probe:
        // The server never sends these here: it cannot be trusted to be ours.
        _exit(2)
      }
    }
  }
}

enum QueryWorkerError: Error {
  /// A thread exists that the sandbox would not bind.
  case unexpectedThreads
  /// A required layer of the sandbox is refused.
  case layerMissing(String, String)
}
