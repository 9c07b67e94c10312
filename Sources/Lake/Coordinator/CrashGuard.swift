import Model

/// Keeps an event that crashes the engine from crashing the server for ever.
///
/// After two attempts at a tenant's range of events that ended in a crash of the process, the range
/// is tried in child processes first.
package struct CrashGuard: Sendable {
  let attempts: AttemptLog
  let probe: CrashProbe

  /// - Parameter folder: for the attempts under way; made here if need be.
  package init(folder: String, probe: CrashProbe) {
    attempts = AttemptLog(folder: folder)
    self.probe = probe
  }
}
