import Glibc
import Synchronization

/// The server's own thread: accepts connections, watches deadlines and vanished clients, lingers on
/// closing sockets, and stops the server.
final class Supervisor: Sendable {
  struct StopRequest {
    var deadline: ContinuousClock.Instant
    var isUrgent: Bool
  }

  private struct State {
    var request: StopRequest?
    var report: HTTPServerStopReport?
    var waiting: [CheckedContinuation<HTTPServerStopReport, Never>] = []
  }

  let core: ServerCore
  private let state = Mutex(State())

  init(core: ServerCore) {
    self.core = core
  }

  /// - Throws: `cannotStart`.
  func start(listening: consuming ListeningSocket, daemon: MHDDaemon) throws(HTTPServerError) {
    let loop = SupervisorLoop(supervisor: self, daemon: daemon, listening: listening)
    let context = Unmanaged.passRetained(loop).toOpaque()
    var thread = pthread_t()
    let code = pthread_create(&thread, nil, runSupervisor, context)
    guard code == 0 else {
      Unmanaged<SupervisorLoop>.fromOpaque(context).release()
      throw .cannotStart(code: code)
    }
    pthread_detach(thread)
  }

  func requestStop(graceSeconds: Double, isUrgent: Bool) {
    let deadline = ContinuousClock.now + .seconds(max(0, graceSeconds))
    state.withLock { state in
      let earlier = state.request
      state.request = StopRequest(
        deadline: min(deadline, earlier?.deadline ?? deadline),
        isUrgent: isUrgent || earlier?.isUrgent == true)
    }
    core.wakeup.signal()
  }

  func untilStopped() async -> HTTPServerStopReport {
    await withCheckedContinuation { continuation in
      let report = state.withLock { state -> HTTPServerStopReport? in
        if state.report == nil { state.waiting.append(continuation) }
        return state.report
      }
      if let report { continuation.resume(returning: report) }
    }
  }

  var stopRequest: StopRequest? { state.withLock { $0.request } }

  func stopped(_ report: HTTPServerStopReport) {
    let waiting = state.withLock { state in
      state.report = report
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume(returning: report) }
  }
}

private func runSupervisor(context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  if let context { Unmanaged<SupervisorLoop>.fromOpaque(context).takeRetainedValue().run() }
  return nil
}
