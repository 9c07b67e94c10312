import IngestBus
import PostgreSQL

extension BusError {
  /// What an error of PostgreSQL's means for the bus. A refusal has undone the call.
  init(_ error: PostgreSQLError) {
    self =
      switch error {
      case .unavailable(let reason): .unavailable(reason: reason)
      case .outcomeUnknown(let reason): .outcomeUnknown(reason: reason)
      case .closed: .closed
      case .refused(let sqlState, let message):
        switch DatabaseRefusal(sqlState: sqlState) {
        case .storageFull: .storageFull
        case .damaged: .damaged(reason: message)
        case .other:
          .unavailable(reason: "the database refused a statement: \(sqlState) \(message)")
        }
      }
  }
}
