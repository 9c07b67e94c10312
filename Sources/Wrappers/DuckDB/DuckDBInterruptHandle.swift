internal import CDuckDB
import Synchronization

/// Interrupts and observes one connection from any thread, also after the connection is gone.
package final class DuckDBInterruptHandle: Sendable {
  private struct State {
    /// Address of the C connection, 0 once it is closed.
    var address: UInt
    var isInterrupted = false
  }

  private let state: Mutex<State>

  init(_ handle: duckdb_connection) {
    state = Mutex(State(address: UInt(bitPattern: handle)))
  }

  /// Ends the statement that runs now and refuses every later one until `reset()`.
  ///
  /// The request is remembered because DuckDB forgets it when a statement starts: an interrupt
  /// that arrives between two calls would otherwise be lost.
  package func interrupt() {
    state.withLock { state in
      state.isInterrupted = true
      if let handle = duckdb_connection(bitPattern: state.address) { duckdb_interrupt(handle) }
    }
  }

  /// Lets the connection work again after an interrupt.
  package func reset() {
    state.withLock { $0.isInterrupted = false }
  }

  package var isInterrupted: Bool { state.withLock { $0.isInterrupted } }

  /// How far the running statement is; nil when DuckDB does not know or the connection is closed.
  ///
  /// DuckDB tracks progress only with `enable_progress_bar` on (and `enable_progress_bar_print`
  /// off, or it writes to the terminal).
  package func progress() -> DuckDBProgress? {
    state.withLock { state in
      guard let handle = duckdb_connection(bitPattern: state.address) else { return nil }
      let progress = duckdb_query_progress(handle)
      guard progress.percentage >= 0 else { return nil }
      return DuckDBProgress(
        percentage: progress.percentage, processedRows: progress.rows_processed,
        totalRows: progress.total_rows_to_process)
    }
  }

  /// After this no call of this handle touches the connection, so it may be freed.
  func close() {
    state.withLock { $0.address = 0 }
  }

  func throwIfInterrupted() throws(DuckDBError) {
    if isInterrupted {
      throw DuckDBError(kind: .interrupted, message: "INTERRUPT Error: Interrupted!")
    }
  }
}

/// The progress of a running statement.
package struct DuckDBProgress: Equatable, Sendable {
  /// From 0 to 100.
  package let percentage: Double
  package let processedRows: UInt64
  /// An estimate.
  package let totalRows: UInt64
}
