import Glibc

/// A text that crashes whoever materialises a payload with it, for crash tests.
///
/// A test hook as `CrashPoint` is: compiled always, and without effect unless the environment has
/// `DUCKMESH_ENABLE_CRASH_POINTS=1` and a text in `DUCKMESH_POISON_TEXT`. It stands in for a record
/// on which the engine itself would end the process.
package struct PoisonText: Sendable {
  package static let variable = "DUCKMESH_POISON_TEXT"

  /// Read once, as the crash points are.
  package static let armed: PoisonText? = {
    guard CrashPoint.areEnabled, let text = getenv(variable) else { return nil }
    return PoisonText(String(cString: text))
  }()

  package let text: String

  /// - Returns: nil for an empty text, which every payload would hold.
  package init?(_ text: String) {
    guard !text.isEmpty else { return nil }
    self.text = text
  }

  /// Aborts the process if the payload holds the text.
  package func strike(_ payload: UnsafeRawBufferPointer) {
    let pattern = Array(text.utf8)
    guard payload.count >= pattern.count else { return }
    for start in 0...payload.count - pattern.count
    where payload[start..<start + pattern.count].elementsEqual(pattern) {
      abort()
    }
  }
}
