/// What the server will answer to one round trip, in order; Sync's own answer ends it.
struct PendingAnswer {
  enum Part {
    case prepare(sql: String, name: String)
    case statement(sql: String)
  }

  var parts: [Part] = []
}
