import Model

/// The signals of a lake that one process has to itself: nothing leaves the process.
///
/// Commits and table changes are told here by the composition (`tell`), after they are durable.
package struct LocalSignals: LakeSignals {
  private let hub: SignalHub

  package init(bufferLimit: Int = 1_024) { hub = SignalHub(bufferLimit: bufferLimit) }

  package func send(demand tenant: TenantID, token: VisibilityToken) {
    hub.publish(.demanded(tenant: tenant, token: token))
  }

  package func subscribe() -> AsyncStream<LakeSignal> { hub.subscribe() }

  /// Tells what this process has done.
  package func tell(_ signal: LakeSignal) { hub.publish(signal) }

  package func close() { hub.close() }
}
