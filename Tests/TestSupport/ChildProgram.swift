import Glibc
import Runtime

/// Other programs, run and awaited on threads of their own: waiting blocks, and the cooperative
/// pool has few threads.
package enum ChildProgram {
  package struct StartFailure: Error {
    package let arguments: [String]
    package let errorNumber: Int32
  }

  package struct Failure: Error {
    package let arguments: [String]
    package let status: Int32
  }

  /// Runs a program to its end, its output going to a file.
  ///
  /// - Throws: `StartFailure`, and `Failure` unless it ends with status 0.
  package static func run(_ arguments: [String], outputPath: String = "/dev/null") async throws {
    let outcome = OneShot<Result<Void, any Error>>()
    _ = try DedicatedThread(name: "child-program", stackSizeBytes: 1 << 20) {
      outcome.decide(
        Result {
          let child = try start(arguments, outputPath: outputPath)
          let status = waitForEnd(of: child)
          guard status == 0 else { throw Failure(arguments: arguments, status: status) }
        })
    }
    try await outcome.value().get()
  }

  /// Starts a program in a session of its own, so that a terminal's signals do not reach it.
  ///
  /// - Parameter input: the descriptor that becomes its standard input, or none.
  package static func start(
    _ arguments: [String], input: Int32? = nil, outputPath: String = "/dev/null"
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input {
      posix_spawn_file_actions_adddup2(&actions, input, 0)
    } else {
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_addopen(
      &actions, 1, outputPath, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // Another test's pipe or socket must not stay open in a child that outlives it.
    _ = addCloseFrom(&actions, 3)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // POSIX_SPAWN_SETSID, which Glibc's module does not show.
    posix_spawnattr_setflags(&attributes, 0x80)

    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var child = pid_t()
    let errorNumber = posix_spawnp(&child, arguments[0], &actions, &attributes, words, environ)
    guard errorNumber == 0 else {
      throw StartFailure(arguments: arguments, errorNumber: errorNumber)
    }
    return child
  }

  /// Waits for a child's end; a signal's number comes back negative.
  package static func waitForEnd(of child: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(child, &status, 0) == -1, errno == EINTR {}
    let signal = status & 0x7f
    return signal == 0 ? (status >> 8) & 0xff : -signal
  }
}

/// Glibc has it since 2.34, but its module does not show it.
@_silgen_name("posix_spawn_file_actions_addclosefrom_np")
package func addCloseFrom(
  _ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>, _ first: Int32
) -> Int32
