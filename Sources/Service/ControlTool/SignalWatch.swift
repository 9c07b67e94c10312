import Dispatch
import Glibc

/// Turns Ctrl-C and termination into a stop, for as long as it is kept.
///
/// Made before any other thread starts. The first signal stops the work in good order; a second
/// one ends the process at once. A closed output becomes an error of writing instead of the end
/// of the process.
package final class SignalWatch {
  private let sources: [any DispatchSourceSignal]

  package init(_ stop: StopSignal) {
    signal(SIGPIPE, SIG_IGN)
    let reasons = [(SIGINT, StopSignal.Reason.interrupted), (SIGTERM, .terminated)]
    sources = reasons.map { number, reason in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(
        signal: number, queue: DispatchQueue(label: "duckmeshctl.signal.\(number)"))
      source.setEventHandler {
        if stop.reason == nil {
          stop.stop(reason)
        } else {
          _exit(128 + number)
        }
      }
      source.resume()
      return source
    }
  }

  deinit {
    for source in sources { source.cancel() }
  }
}
