import Runtime

package struct NeverHappened: Error {
  package let what: String

  package init(what: String) { self.what = what }
}

/// Waits until a condition holds; two minutes of patience stand for "never".
package func eventually(
  _ what: String = "the condition", _ condition: () async throws -> Bool
) async throws {
  let clock = SystemMonotonicClock()
  let deadline = clock.now.advanced(byMs: 120_000)
  while clock.now < deadline {
    if try await condition() { return }
    try await clock.sleep(until: clock.now.advanced(byMs: 5))
  }
  throw NeverHappened(what: what)
}
