import DuckDB
import Runtime

/// One instance of the engine, opened when it is first used, with the materialisers that wait for
/// their next batch.
///
/// The calls block; they are made on the pool's threads.
final class MaterializerEngine: Sendable {
  private struct State {
    var instance: DuckDBInstance?
    var idle: [Materializer] = []
  }

  private let options: MaterializerPool.Options
  private let state = Lock(State())

  init(_ options: MaterializerPool.Options) { self.options = options }

  @discardableResult
  func open() throws(DuckDBError) -> DuckDBInstance {
    if let instance = state.withLock({ $0.instance }) { return instance }
    // Of two that open one at the same time, one's is used.
    let fresh = try MaterializerPool.open(options)
    return state.withLock { state in
      let instance = state.instance ?? fresh
      state.instance = instance
      return instance
    }
  }

  func withMaterializer<Value>(
    _ body: (Materializer) throws(EnvironmentFailure) -> Value
  ) throws(EnvironmentFailure) -> Value {
    let materializer = try take()
    do throws(EnvironmentFailure) {
      let value = try body(materializer)
      // Kept only after a success: a connection that has failed is not trusted again.
      state.withLock { state in
        if materializer.instance === state.instance { state.idle.append(materializer) }
      }
      return value
    } catch {
      replaceInvalidInstance()
      throw error
    }
  }

  func withConnection<Value>(
    _ body: (DuckDBConnection) throws(DuckDBError) -> Value
  ) throws(EnvironmentFailure) -> Value {
    do throws(DuckDBError) {
      return try body(open().connect())
    } catch {
      replaceInvalidInstance()
      throw .engine(error.message)
    }
  }

  private func take() throws(EnvironmentFailure) -> Materializer {
    if let ready = state.withLock({ $0.idle.popLast() }) { return ready }
    do {
      return try Materializer(instance: open())
    } catch {
      throw .engine(error.message)
    }
  }

  /// After a fatal error an instance refuses every statement for good; a new one takes its place.
  private func replaceInvalidInstance() {
    guard let suspect = state.withLock({ $0.instance }) else { return }
    if (try? suspect.connect().query("SELECT 1")) != nil { return }
    let fresh = try? MaterializerPool.open(options)
    state.withLock { state in
      if state.instance === suspect { state.instance = fresh }
      state.idle = []
    }
  }
}
