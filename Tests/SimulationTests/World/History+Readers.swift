import Consistency
import Model

/// A query that names a token.
struct Reader {
  let tenant: Int
  let token: Int
  let api: Int
  let flow: BarrierProtocol
  /// After healing every reader must be answered.
  let isFinal: Bool
  var waiter: BarrierState.WaiterID?
  var snapshot = 0
  /// The tenant's head when it asked.
  var head = 0
  var isDone = false
}

extension History {
  func read(tenant: Int, token: Int, api: Int? = nil, isFinal: Bool = false) {
    let number = readers.count
    let api = api ?? dice.below(shape.apis)
    readers.append(
      Reader(
        tenant: tenant, token: token, api: api,
        flow: BarrierProtocol(
          token: VisibilityToken(Int64(token)), allowsDeadLetters: isFinal || dice.below(2) == 0),
        isFinal: isFinal))
    openReaders += 1
    note("reader \(number): token \(token) of tenant \(tenant) at api \(api)")
    // A client whose server dies has its answer, too: none.
    after(9_000_000) { [self] in
      if !readers[number].isDone, !isFinal { close(number) }
    }
    after(latency(), in: api) { [self] in readProgress(number) }
  }

  private func readProgress(_ number: Int) {
    let reader = readers[number]
    ask(
      number, { [self] in (store.tenants[reader.tenant].head, store.latest) },
      then: {
        [self] head, snapshot in
        readers[number].snapshot = snapshot
        readers[number].head = head
        let watermark = store.snapshots[snapshot].watermarks[reader.tenant]
        carryOut(
          reader.flow.readProgress(
            head: VisibilityToken(Int64(head)), watermark: VisibilityToken(Int64(watermark))),
          number)
      })
  }

  /// Reads from the catalog; a reader that cannot is told so.
  private func ask<Value>(
    _ number: Int, _ body: @escaping () -> Value, then: @escaping (Value) -> Void
  ) {
    call(from: readers[number].api, body) { [self] answer in
      guard !readers[number].isDone else { return }
      guard case .value(let value) = answer else { return close(number) }
      then(value)
    }
  }

  func carryOut(_ action: BarrierProtocol.Action, _ number: Int) {
    let reader = readers[number]
    switch action {
    case .wait: wait(number)
    case .readLatestSnapshot:
      ask(
        number, { [self] in store.latest },
        then: { [self] snapshot in
          readers[number].snapshot = snapshot
          let watermark = store.snapshots[snapshot].watermarks[reader.tenant]
          let believed =
            planted == .barrierReleasedByAHint ? max(watermark, reader.token) : watermark
          carryOut(
            reader.flow.readSnapshot(watermark: VisibilityToken(Int64(believed))), number)
        })
    case .readDeadLetter:
      ask(
        number,
        { [self] in
          let events = store.tenants[reader.tenant].events
          return reader.token > 0 && reader.token <= events.count
            && events[reader.token - 1].isDeadLetter
        },
        then: { [self] isOne in
          carryOut(reader.flow.readDeadLetter(isOne: isOne), number)
        })
    case .answer:
      let watermark = store.snapshots[reader.snapshot].watermarks[reader.tenant]
      note("reader \(number): reads snapshot \(reader.snapshot), watermark \(watermark)")
      check(
        watermark >= reader.token,
        "a read with token \(reader.token) ran on a snapshot with watermark \(watermark)")
      store.read(tenant: reader.tenant, at: reader.snapshot)
      close(number)
    case .fail(let failure):
      note("reader \(number): \(failure)")
      switch failure {
      case .tokenNeverIssued:
        reach(.readerOfTheUnissued)
        check(reader.token > reader.head, "a reader is told that an issued token was not")
      case .notReached: reach(.readerTimedOut)
      case .tooManyWaiters: reach(.readerRefused)
      case .deadLettered: reach(.readerOfADeadLetter)
      case .cancelled: break
      }
      if failure == .deadLettered {
        check(
          store.tenants[reader.tenant].events[reader.token - 1].isDeadLetter,
          "a reader is told of a dead letter that is none")
      }
      // A refusal for want of room is honest; after healing nothing else may come.
      if reader.isFinal, failure == .tooManyWaiters {
        after(20_000, in: reader.api) { [self] in readProgress(number) }
        return
      }
      check(!reader.isFinal, "after healing a reader fails: \(failure)")
      close(number)
    }
  }

  private func wait(_ number: Int) {
    let reader = readers[number]
    let arrival = apis[reader.api].barrier.arrive(
      tenant: TenantID(Int64(reader.tenant)), token: VisibilityToken(Int64(reader.token)))
    switch arrival {
    case .alreadyVisible: carryOut(reader.flow.waited(.released), number)
    case .refused: carryOut(reader.flow.waited(.refused), number)
    case .parked(let waiter, let isFirstDemand):
      readers[number].waiter = waiter
      apis[reader.api].waiting[waiter] = number
      check(apis[reader.api].barrier.waiterCount <= 4, "too many wait")
      if isFirstDemand {
        tellCoordinators { [self] coordinator in
          demanded(tenant: reader.tenant, token: reader.token, to: coordinator)
        }
      }
      guard !reader.isFinal else { return }
      after(Int64(200_000 + dice.below(4_000_000)), in: reader.api) { [self] in
        guard let waiter = readers[number].waiter else { return }
        leave(number, waiter)
        carryOut(reader.flow.waited(.timedOut), number)
      }
    }
  }

  private func leave(_ number: Int, _ waiter: BarrierState.WaiterID) {
    let api = readers[number].api
    readers[number].waiter = nil
    guard apis[api].waiting[waiter] == number else { return }
    apis[api].waiting[waiter] = nil
    _ = apis[api].barrier.leave(waiter)
  }

  private func close(_ number: Int) {
    guard !readers[number].isDone else { return }
    if let waiter = readers[number].waiter { leave(number, waiter) }
    readers[number].isDone = true
    openReaders -= 1
  }
}
