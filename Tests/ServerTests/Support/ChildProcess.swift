import Glibc
import Runtime
import TestSupport

/// A program started by a test; it dies with the test process however that ends.
final class ChildProcess: Sendable {
  enum Ending: Equatable, Sendable {
    case exited(Int32)
    case signalled(Int32)
    /// It was not waited for any longer.
    case stillRunning
  }

  struct SpawnFailure: Error { let code: Int32 }

  let pid: pid_t
  private let life: Life

  private final class Life: Sendable {
    struct State {
      /// Whether the number is still the program's: a reaped one may soon be another process's.
      var isOver = false
      var ending: Ending?
      var waiters: [OneShot<Ending>] = []
    }

    let state = Lock(State())

    func end(_ ending: Ending) {
      let waiters = state.withLock { state in
        state.ending = ending
        defer { state.waiters = [] }
        return state.waiters
      }
      for waiter in waiters { waiter.decide(ending) }
    }
  }

  /// - Parameter output: a file that takes standard output and standard error.
  init(
    _ program: String, _ arguments: [String], environment: [String: String], output: String,
    errorOutput: String? = nil
  ) async throws {
    let started = OneShot<Result<pid_t, SpawnFailure>>()
    let life = Life()
    // The death signal belongs to the thread that starts the program, so that thread stays.
    _ = try DedicatedThread(name: "test-child") {
      let result = Self.spawn(
        ["/usr/bin/setpriv", "--pdeathsig", "KILL", program] + arguments,
        environment: environment, output: output, errorOutput: errorOutput ?? output)
      started.decide(result)
      guard case .success(let pid) = result else { return }
      var information = siginfo_t()
      while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) < 0 && errno == EINTR {}
      life.state.withLock { $0.isOver = true }
      var status: Int32 = 0
      while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
      let signal = status & 0x7f
      life.end(signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal))
    }
    pid = try await started.value().get()
    self.life = life
  }

  private static func spawn(
    _ command: [String], environment: [String: String], output: String, errorOutput: String
  ) -> Result<pid_t, SpawnFailure> {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    if errorOutput == output {
      posix_spawn_file_actions_adddup2(&actions, 1, 2)
    } else {
      posix_spawn_file_actions_addopen(
        &actions, 2, errorOutput, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    }
    // What other tests have open is theirs.
    _ = addCloseFrom(&actions, 3)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK))

    var arguments = command.map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer {
      for text in arguments + variables { free(text) }
    }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, command[0], &actions, &attributes, &arguments, &variables)
    return code == 0 ? .success(pid) : .failure(SpawnFailure(code: code))
  }

  var isRunning: Bool { life.state.withLock { !$0.isOver } }

  /// Without effect once the program has ended.
  func send(_ signal: Int32) {
    life.state.withLock { state in
      if !state.isOver { kill(pid, signal) }
    }
  }

  /// How the program ended. Whoever gave up waiting may wait again.
  ///
  /// - Parameter seconds: patience; a test that comes to its end has failed.
  func end(withinSeconds seconds: Int = 60) async -> Ending {
    // One for each call, since a deadline decides it for good.
    let waiter = OneShot<Ending>()
    life.state.withLock { state in
      if let ending = state.ending {
        waiter.decide(ending)
      } else {
        state.waiters.append(waiter)
      }
    }
    return await waiter.value(
      until: SystemMonotonicClock().now.advanced(byMs: seconds * 1_000),
      on: SystemMonotonicClock(), onDeadline: .stillRunning, onCancel: .stillRunning)
  }
}
