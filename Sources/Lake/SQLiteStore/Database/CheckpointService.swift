import Runtime

/// Moves the write-ahead log into the database at a steady pace, so that the log stays small and
/// no writer pays for a large checkpoint at once.
package struct CheckpointService: Service {
  package let name = "sqlite-checkpoint"
  private let database: SQLiteDatabase
  private let clock: any MonotonicClock

  package init(database: SQLiteDatabase, clock: any MonotonicClock) {
    self.database = database
    self.clock = clock
  }

  package func run(shutdown: Shutdown) async throws {
    let pause = database.checkpointIntervalMs
    while await !shutdown.wait(until: clock.now.advanced(byMs: pause), on: clock) {
      if Task.isCancelled { return }
      // A checkpoint that fails (a full disk) loses nothing: the log is kept and tried again.
      try? await database.checkpoint()
    }
    try? await database.checkpoint()
  }
}
