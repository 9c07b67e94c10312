/// Work that outlives the function that started it, with a handle to end it.
///
/// For the rare case where a structured task cannot: the work begins before the scope that will
/// consume its results exists. Whoever makes one must see to it that it is cancelled.
package final class BackgroundWork: Sendable {
  private let task: Task<Void, Never>

  package init(_ body: @escaping @Sendable () async -> Void) {
    task = Task { await body() }
  }

  package func cancel() { task.cancel() }

  package func value() async { await task.value }
}
