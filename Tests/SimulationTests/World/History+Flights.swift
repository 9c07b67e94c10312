import Consistency
import Model

extension History {
  /// Does what the flight's protocol says and tells it what came of it.
  func carryOut(_ action: FlightProtocol.Action, _ flight: ModelFlight, _ coordinator: Int) {
    switch action {
    case .materialize(let drafts): materialize(drafts, flight, coordinator)
    case .put(let drafts): put(drafts, flight, coordinator)
    case .commit(let drafts, let fences): commit(drafts, fences, flight, coordinator)
    case .resolve(let fences): resolve(fences, flight, coordinator)
    case .finish(let end): finish(end, flight, coordinator)
    }
  }

  private func materialize(
    _ drafts: [FlightProtocol.Draft], _ flight: ModelFlight, _ coordinator: Int
  ) {
    call(
      from: flight.process,
      { [self] in
        drafts.map { draft -> Int? in
          let table = store.tables[Int(flight.parts[draft.part].table.rawValue)]
          return table.droppedAt == nil ? table.schemaVersion : nil
        }
      },
      then: { [self] answer in
        guard case .value(let versions) = answer else {
          return carryOut(flight.flow.failed(), flight, coordinator)
        }
        for (draft, version) in zip(drafts, versions) {
          flight.drafts[draft] = materialized(flight.parts[draft.part], version, flight)
        }
        after(latency(), in: flight.process) { [self] in
          let isBroken = !isHealing && dice.chance(perMille: shape.objectFaultPerMille)
          let next = isBroken ? flight.flow.failed() : flight.flow.materialized(drafts)
          carryOut(next, flight, coordinator)
        }
      })
  }

  private func materialized(
    _ part: FlightProtocol.Part, _ version: Int?, _ flight: ModelFlight
  ) -> ModelPart? {
    let tenant = Int(part.tenant.rawValue)
    let table = Int(part.table.rawValue)
    guard let claim = flight.claims.first(where: { $0.tenant == tenant }) else { return nil }
    var rows: UInt64 = 0
    var letters: UInt64 = 0
    var digest: UInt64 = 0
    for token in (claim.from + 1)...claim.to {
      let event = store.tenants[tenant].events[token - 1]
      guard event.table == table else { continue }
      let bit = UInt64(1) << UInt64(token - claim.from - 1)
      if version == nil || isBad(event) {
        letters |= bit
      } else {
        rows |= bit
        digest &+= event.digest(token: token)
      }
    }
    var file: Int?
    if rows != 0, let version {
      file = store.files.count
      store.files.append(
        ModelFile(
          tenant: tenant, table: table, epoch: claim.epoch, schemaVersion: version,
          base: claim.from, rows: rows, digest: digest))
      flight.files.append(store.files.count - 1)
    }
    return ModelPart(
      tenant: tenant, table: table, base: claim.from, rows: rows, deadLetters: letters,
      file: file, schemaVersion: version)
  }

  /// Whether the engine refuses the event, always.
  private func isBad(_ event: ModelEvent) -> Bool {
    (event.key * 7_919 + event.content * 104_729) % 1_000 < shape.badContentPerMille
  }

  private func put(
    _ drafts: [FlightProtocol.Draft], _ flight: ModelFlight, _ coordinator: Int
  ) {
    let files = flight.files(of: drafts)
    guard !files.isEmpty else { return carryOut(flight.flow.put(), flight, coordinator) }
    call(
      from: flight.process, objects: true,
      { [self] in
        for file in files { store.put(file) }
        if flight.hasEnded { reach(.filePutAfterItsWriterGaveUp) }
        note("objects: \(flight.owner.rawValue) has put files \(files)")
      },
      then: { [self] answer in
        guard case .value = answer else {
          return carryOut(flight.flow.failed(), flight, coordinator)
        }
        if planted == .discardedBeforeCommitted {
          for claim in flight.claims {
            coordinators[coordinator].unacknowledged[claim.tenant] = claim.to
          }
        }
        carryOut(flight.flow.put(), flight, coordinator)
      })
  }

  private func commit(
    _ drafts: [FlightProtocol.Draft], _ fences: [TenantFence], _ flight: ModelFlight,
    _ coordinator: Int
  ) {
    let order = ModelCommit(
      id: store.newCommit(), owner: flight.owner, fences: fences,
      parts: drafts.compactMap { flight.drafts[$0] })
    flight.commit = order
    if planted == .barrierReleasedByAHint {
      for fence in fences {
        notifyAPIs(
          Int(fence.tenant.rawValue), watermark: Int(fence.to.rawValue),
          snapshot: store.latest + 1)
      }
    }
    call(
      from: flight.process,
      { [self] in applied(order, flight) },
      then: { [self] answer in
        let reply: FlightProtocol.CommitReply =
          switch answer {
          case .value(.applied): .applied
          case .value(.fenced(let tenants)): .fenced(tenants)
          case .value(.tablesChanged(let tables)): .tablesChanged(tables)
          case .value(.inconsistent), .refused: .certainlyNotApplied
          case .unknown: .outcomeUnknown
          }
        note("\(flight.owner.rawValue): commit \(order.id) \(reply)")
        if reply == .applied, drafts.contains(where: { $0.version > 1 }) {
          reach(.commitMaterializedAgain)
        }
        guard reply == .outcomeUnknown else {
          return carryOut(flight.flow.received(reply), flight, coordinator)
        }
        setInDoubt(order, true)
        flight.isResolving = true
        let isMistaken = planted == .filesDeletedOnUnknown
        carryOut(
          flight.flow.received(isMistaken ? .certainlyNotApplied : .outcomeUnknown), flight,
          coordinator)
      })
  }

  /// The commit's transaction, and the word of it that goes out with it.
  private func applied(_ order: ModelCommit, _ flight: ModelFlight) -> ModelCommitOutcome {
    let outcome = store.commit(order)
    if flight.isResolved, case .fenced = outcome { reach(.commitRefusedAfterItsResolution) }
    if case .applied = outcome {
      if flight.isResolving { reach(.commitAppliedAfterAnUnknownAnswer) }
      if processes[flight.process].life != flight.life || !processes[flight.process].isAlive {
        reach(.commitAfterItsSenderDied)
      }
    }
    note("store: commit \(order.id) of \(order.owner.rawValue): \(outcome)")
    switch outcome {
    case .applied(let snapshot):
      for fence in order.fences {
        let tenant = Int(fence.tenant.rawValue)
        notifyAPIs(tenant, watermark: store.tenants[tenant].watermark, snapshot: snapshot)
      }
    case .inconsistent(let reason):
      check(false, "a flight made a commit that contradicts itself: \(reason)")
    case .fenced, .tablesChanged: break
    }
    return outcome
  }

  private func resolve(
    _ fences: [TenantFence], _ flight: ModelFlight, _ coordinator: Int
  ) {
    guard let order = flight.commit else {
      return carryOut(flight.flow.notResolved(), flight, coordinator)
    }
    call(
      from: flight.process,
      { [self] in store.resolve(order) },
      then: { [self] answer in
        guard case .value(let snapshot) = answer else {
          reach(.notResolved)
          return carryOut(flight.flow.notResolved(), flight, coordinator)
        }
        setInDoubt(order, false)
        flight.isResolved = true
        reach(snapshot == nil ? .resolvedAsNotApplied : .resolvedAsApplied)
        let end = snapshot.map(String.init) ?? "not applied"
        note("\(flight.owner.rawValue): commit \(order.id) was \(end)")
        carryOut(flight.flow.resolved(isApplied: snapshot != nil), flight, coordinator)
      })
  }

  private func setInDoubt(_ order: ModelCommit, _ isInDoubt: Bool) {
    for part in order.parts {
      if let file = part.file { store.files[file].isInDoubt = isInDoubt }
    }
  }
}
