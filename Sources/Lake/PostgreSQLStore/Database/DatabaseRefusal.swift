/// What a refusal means, by its code alone: texts come in the server's language.
///
/// Codes are those of PostgreSQL's manual, appendix A.
enum DatabaseRefusal {
  case storageFull
  case damaged
  /// Locks, timeouts, shutdowns, too many connections, missing rights: nothing was applied, and it
  /// may be tried again.
  case other

  init(sqlState: String) {
    self =
      switch sqlState {
      // disk_full
      case "53100": .storageFull
      // data_corrupted, index_corrupted, and our own finding
      case "XX001", "XX002", SQLRefusal.damaged: .damaged
      // A unique key where a lock should have kept the second writer out.
      case "23505": .damaged
      default: .other
      }
  }
}
