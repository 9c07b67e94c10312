import Dispatch
import Glibc

/// Turns the signals that ask a process to end into a `Shutdown`.
///
/// The first SIGTERM or SIGINT requests the graceful shutdown; the second ends the process at once
/// with 128 + the signal's number (143, 130). SIGPIPE is ignored: a peer that went away is an error
/// of the write. Install it before any thread starts.
///
/// A child process inherits ignored and blocked signals through exec: whoever spawns one resets
/// SIGTERM, SIGINT and SIGPIPE to their defaults and empties the mask (`POSIX_SPAWN_SETSIGDEF`,
/// `POSIX_SPAWN_SETSIGMASK`).
package final class SignalTrap: Sendable {
  package static let endingSignals = [SIGTERM, SIGINT]

  // nonisolated(unsafe): the sources are made in `init` and only read (cancelled) in `deinit`.
  private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

  /// - Parameter endAtOnce: called with the exit code on the second signal; replaced in tests.
  package init(
    requesting shutdown: Shutdown, endAtOnce: @escaping @Sendable (Int32) -> Void = { _exit($0) }
  ) {
    signal(SIGPIPE, SIG_IGN)
    let count = SignalCount()
    let queue = DispatchQueue(label: "duckmesh.signals")
    sources = SignalTrap.endingSignals.map { number in
      // The default action must not end the process; the source sees the signal all the same.
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler {
        // Signals that arrive together are one event: its count says how many there were.
        if count.add(source.data) == 1 {
          shutdown.request(.signal(number))
        } else {
          endAtOnce(128 + number)
        }
      }
      let registered = DispatchSemaphore(value: 0)
      source.setRegistrationHandler { registered.signal() }
      source.activate()
      // Registration happens on another thread; a signal before it would be lost.
      registered.wait()
      return source
    }
  }

  deinit {
    for source in sources {
      source.cancel()
    }
  }
}

/// How many ending signals have come, over all their sources.
private final class SignalCount: Sendable {
  private let count = Lock<UInt>(0)

  func add(_ more: UInt) -> UInt {
    count.withLock { count in
      count += more
      return count
    }
  }
}
