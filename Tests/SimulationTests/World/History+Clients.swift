import Consistency
import Model

/// A client's request, sent again until it has a definite answer or its client gives up.
struct ClientRequest {
  let tenant: Int
  let table: Int
  let records: [ModelRecord]
  var attempts = 0
  var isDone = false
  /// Whether the client reads its own write afterwards.
  let reads: Bool
}

enum RequestAnswer {
  case accepted(tokens: [Int])
  case conflict
  case tableGone
  /// Not durable, or perhaps: the client sends again.
  case retry
}

extension History {
  func planClientAction() {
    guard !isHealing else { return }
    after(Int64(1 + dice.below(shape.clientIntervalMicroseconds))) { [self] in
      guard !isHealing else { return }
      if dice.chance(perMille: shape.schemaChangePerMille) {
        changeTables()
      } else if dice.chance(perMille: shape.readPerMille) {
        readSomething()
      } else {
        makeRequest()
      }
      planClientAction()
    }
  }

  private func makeRequest() {
    let tenant = dice.below(shape.tenants)
    let tables = store.tables.indices.filter { store.tables[$0].tenant == tenant }
    let table = tables[dice.below(tables.count)]
    let records = (0..<dice.among(1...3)).map { _ in
      ModelRecord(
        key: dice.below(shape.keysPerTable), content: dice.below(shape.contents))
    }
    let number = requests.count
    requests.append(
      ClientRequest(
        tenant: tenant, table: table, records: records,
        reads: dice.chance(perMille: shape.readPerMille)))
    openRequests += 1
    note("client: request \(number) to table \(table): \(records.map { [$0.key, $0.content] })")
    send(number)
  }

  private func send(_ number: Int) {
    guard !requests[number].isDone else { return }
    requests[number].attempts += 1
    let attempt = requests[number].attempts
    let api = dice.below(shape.apis)
    after(latency(), in: api) { [self] in accept(number, api: api) }
    // A client that hears nothing sends again, to any API.
    after(2_000_000) { [self] in
      if !requests[number].isDone, requests[number].attempts == attempt { again(number) }
    }
  }

  private func again(_ number: Int) {
    guard !requests[number].isDone else { return }
    if !isHealing, requests[number].attempts > 5 {
      requests[number].isDone = true
      openRequests -= 1
      return note("client: gives up request \(number)")
    }
    send(number)
  }

  /// An answer on its way to the client.
  func answer(_ number: Int, _ answer: RequestAnswer) {
    let attempt = requests[number].attempts
    after(latency()) { [self] in
      guard !requests[number].isDone else { return }
      switch answer {
      case .retry:
        after(100_000 << Int64(min(attempt, 4))) { [self] in
          if requests[number].attempts == attempt { again(number) }
        }
        return
      case .accepted(let tokens):
        if requests[number].reads, let token = tokens.max() {
          read(tenant: requests[number].tenant, token: token)
        }
      case .conflict, .tableGone: break
      }
      requests[number].isDone = true
      openRequests -= 1
    }
  }

  private func changeTables() {
    let table = dice.below(store.tables.count)
    let drops = dice.chance(perMille: 300) && store.tables.count < 12
    let api = dice.below(shape.apis)
    note("client: \(drops ? "replaces" : "changes") table \(table)")
    faults += 1
    call(
      from: api,
      { [self] in
        if drops { store.replace(table) } else { store.changeSchema(of: table) }
        note("store: table \(table) changed")
      },
      then: { _ in })
  }

  private func readSomething() {
    let tenant = dice.below(shape.tenants)
    let head = store.tenants[tenant].head
    // Also a token that nobody was given.
    read(tenant: tenant, token: dice.among(1...(head + 2)))
  }
}
