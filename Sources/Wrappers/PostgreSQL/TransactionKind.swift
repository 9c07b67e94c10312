/// How a transaction begins; nothing is left to the server's defaults.
enum TransactionKind {
  case readWrite
  case snapshot

  var beginning: String {
    switch self {
    case .readWrite: "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE"
    case .snapshot: "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
    }
  }
}
