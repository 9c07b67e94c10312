import Synchronization

/// Draws the progress line over itself on a terminal, a few times a second; elsewhere nothing.
final class ProgressReporter: Sendable {
  private struct State {
    var lastDrawn: ContinuousClock.Instant?
    var drawnWidth = 0
  }

  private static let interval = Duration.milliseconds(150)

  private let line: ProgressLine
  private let errors: OutputWriter?
  private let start = ContinuousClock.now
  private let state = Mutex(State())

  init(_ line: ProgressLine, console: Console, isQuiet: Bool) {
    self.line = line
    errors = console.errorsAreTerminal && !isQuiet ? console.errors : nil
  }

  func report(rows: Int, contentBytes: Int) {
    guard let errors else { return }
    let now = ContinuousClock.now
    state.withLock { state in
      if let last = state.lastDrawn, last.duration(to: now) < Self.interval { return }
      state.lastDrawn = now
      let text = line.text(
        rows: rows, contentBytes: contentBytes, seconds: start.duration(to: now) / .seconds(1))
      draw(text, on: errors, &state)
    }
  }

  /// Takes the line off the screen, so that what follows starts on an empty one.
  func clear() {
    guard let errors else { return }
    state.withLock { state in
      if state.drawnWidth > 0 { draw("", on: errors, &state) }
    }
  }

  private func draw(_ text: String, on errors: OutputWriter, _ state: inout State) {
    let width = Printable.width(text)
    let rest = String(repeating: " ", count: max(0, state.drawnWidth - width))
    try? errors.write("\r\(text)\(rest)\(text.isEmpty ? "\r" : "")")
    try? errors.flush()
    state.drawnWidth = width
  }
}
