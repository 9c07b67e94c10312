import Consistency
import Model

extension History {
  func process(of coordinator: Int) -> Int { shape.apis + coordinator }

  func startCoordinator(_ coordinator: Int) {
    owners += 1
    let fresh = ModelCoordinator(owner: OwnerID("owner\(owners)"))
    if coordinators.count <= coordinator {
      coordinators.append(fresh)
    } else {
      coordinators[coordinator] = fresh
    }
    tick(coordinator)
  }

  private func tick(_ coordinator: Int) {
    let process = process(of: coordinator)
    after(Int64(200_000 + dice.below(100_000)), in: process) { [self] in
      coordinators[coordinator].ticks += 1
      let ticks = coordinators[coordinator].ticks
      if ticks % 4 == 1 { readBacklog(coordinator) }
      if ticks % 2 == 0 { acknowledge(coordinator) }
      if ticks % 4 == 0 { heartbeat(coordinator) }
      depart(coordinator)
      tick(coordinator)
    }
  }

  // MARK: What it hears

  /// Word from a process to every coordinator; it may be lost or come twice.
  func tellCoordinators(_ tell: @escaping (Int) -> Void) {
    for coordinator in coordinators.indices {
      spread { delay in
        after(delay, in: process(of: coordinator)) { tell(coordinator) }
      }
    }
  }

  func published(tenant: Int, head: Int, to coordinator: Int) {
    coordinators[coordinator].schedule.published(
      tenant: TenantID(Int64(tenant)), head: VisibilityToken(Int64(head)), bytes: 100,
      now: instant)
    depart(coordinator)
  }

  func demanded(tenant: Int, token: Int, to coordinator: Int) {
    coordinators[coordinator].schedule.demanded(
      tenant: TenantID(Int64(tenant)), token: VisibilityToken(Int64(token)))
    depart(coordinator)
  }

  private func readBacklog(_ coordinator: Int) {
    call(
      from: process(of: coordinator), { [self] in store.backlog() },
      then: {
        [self] answer in
        guard case .value(let backlog) = answer else { return }
        for (tenant, head) in backlog where coordinators[coordinator].inFlight[tenant] == nil {
          coordinators[coordinator].schedule.learned(
            tenant: TenantID(Int64(tenant)), head: VisibilityToken(Int64(head)), bytes: 100,
            oldest: instant)
        }
        depart(coordinator)
      })
  }

  private func acknowledge(_ coordinator: Int) {
    let due = coordinators[coordinator].unacknowledged.sorted { $0.key < $1.key }
      .map { (tenant: $0.key, through: $0.value) }
    guard !due.isEmpty else { return }
    coordinators[coordinator].unacknowledged = [:]
    call(
      from: process(of: coordinator), { [self] in store.acknowledge(due) },
      then: {
        [self] answer in
        if case .value = answer { return }
        for (tenant, through) in due {
          let known = coordinators[coordinator].unacknowledged[tenant] ?? 0
          coordinators[coordinator].unacknowledged[tenant] = max(known, through)
        }
      })
  }

  private func heartbeat(_ coordinator: Int) {
    for flight in coordinators[coordinator].flights where !flight.claims.isEmpty {
      call(
        from: flight.process,
        { [self] in store.extend(flight.claims, owner: flight.owner) },
        then: { _ in })
    }
  }

  // MARK: Flights

  func depart(_ coordinator: Int) {
    while !coordinators[coordinator].schedule.isEmpty,
      coordinators[coordinator].flights.count < ModelCoordinator.flightLimit
    {
      let flying = Set(coordinators[coordinator].inFlight.keys.map { TenantID(Int64($0)) })
      let due = coordinators[coordinator].schedule.due(now: instant, limit: 8, excluding: flying)
      guard let first = due.first else { return }
      // Who has failed flies alone.
      let alone = coordinators[coordinator].failures[Int(first.rawValue)] != nil
      let members = (alone ? [first] : due).map { Int($0.rawValue) }
      for tenant in members {
        coordinators[coordinator].inFlight[tenant] = Int(
          coordinators[coordinator].schedule.head(of: TenantID(Int64(tenant)))?.rawValue ?? 0)
      }
      let flight = ModelFlight(
        process: process(of: coordinator), life: processes[process(of: coordinator)].life,
        owner: coordinators[coordinator].owner, tenants: members)
      coordinators[coordinator].flights.append(flight)
      claim(flight, coordinator)
    }
  }

  private func claim(_ flight: ModelFlight, _ coordinator: Int) {
    call(
      from: flight.process,
      { [self] in
        let pending = store.readPending(owner: flight.owner, tenants: flight.tenants)
        return (pending, store.isComfortable(pending, owner: flight.owner))
      },
      then: { [self] answer in
        guard case .value(let (pending, isComfortable)) = answer else {
          return fail(flight, coordinator)
        }
        guard !isComfortable else {
          reach(.claimWithoutRenewal)
          let claims = pending.map {
            ModelClaim(
              tenant: $0.tenant, epoch: $0.lease.epoch, from: $0.watermark, to: $0.last)
          }
          return begin(flight, claims, coordinator)
        }
        call(
          from: flight.process,
          { [self] in store.claim(pending, owner: flight.owner) },
          then: { [self] answer in
            guard case .value(let claims) = answer else { return fail(flight, coordinator) }
            begin(flight, claims, coordinator)
          })
      })
  }

  private func begin(_ flight: ModelFlight, _ claims: [ModelClaim], _ coordinator: Int) {
    flight.claims = claims
    for claim in claims {
      coordinators[coordinator].leases[claim.tenant] = claim.epoch
      var tables: [Int] = []
      for token in (claim.from + 1)...claim.to {
        let table = store.tenants[claim.tenant].events[token - 1].table
        if !tables.contains(table) { tables.append(table) }
      }
      for table in tables.sorted() {
        flight.parts.append(
          .init(tenant: TenantID(Int64(claim.tenant)), table: TableID(Int64(table))))
      }
    }
    note("\(flight.owner.rawValue): claims \(claims.map { [$0.tenant, $0.from, $0.to] })")
    flight.flow = FlightProtocol(fences: claims.map(\.fence), parts: flight.parts)
    carryOut(flight.flow.begin(), flight, coordinator)
  }

  private func fail(_ flight: ModelFlight, _ coordinator: Int) {
    for tenant in flight.tenants {
      let attempts = (coordinators[coordinator].failures[tenant] ?? 0) + 1
      coordinators[coordinator].failures[tenant] = attempts
      coordinators[coordinator].schedule.failed(
        tenant: TenantID(Int64(tenant)),
        notBefore: instant.adding(milliseconds: min(100 << min(attempts, 5), 2_000)))
    }
    land(flight, coordinator)
  }

  private func land(_ flight: ModelFlight, _ coordinator: Int) {
    flight.hasEnded = true
    for tenant in flight.tenants { coordinators[coordinator].inFlight[tenant] = nil }
    coordinators[coordinator].flights.removeAll { $0 === flight }
    depart(coordinator)
  }

  /// The end of a flight, as the coordinator's bookkeeping has it.
  func finish(_ end: FlightProtocol.End, _ flight: ModelFlight, _ coordinator: Int) {
    let discarded = flight.files(of: end.discarded)
    for file in discarded { discard(file, of: flight) }
    for file in flight.files where !discarded.contains(file) {
      check(
        store.files[file].namedAt != nil || store.files[file].wasInDoubt,
        "a flight leaves file \(file) behind, which nothing names")
    }
    if end.hasFailed { return fail(flight, coordinator) }
    for fence in end.committed {
      let tenant = Int(fence.tenant.rawValue)
      check(
        Int(fence.to.rawValue) <= store.tenants[tenant].accountedThrough,
        "a flight takes for committed what is not")
      coordinators[coordinator].schedule.committed(
        tenant: fence.tenant, watermark: fence.to, now: instant)
      coordinators[coordinator].unacknowledged[tenant] = Int(fence.to.rawValue)
      coordinators[coordinator].failures[tenant] = nil
    }
    let claimed = flight.claims.map(\.tenant)
    let lost = end.lost.map { Int($0.rawValue) }
    for tenant in flight.tenants where !claimed.contains(tenant) || lost.contains(tenant) {
      coordinators[coordinator].failures[tenant] = nil
      let head = coordinators[coordinator].schedule.head(of: TenantID(Int64(tenant)))
      if Int(head?.rawValue ?? 0) == coordinators[coordinator].inFlight[tenant] {
        coordinators[coordinator].schedule.forget(tenant: TenantID(Int64(tenant)))
      }
    }
    land(flight, coordinator)
  }

  private func discard(_ file: Int, of flight: ModelFlight) {
    note("\(flight.owner.rawValue): gives up file \(file)")
    call(
      from: flight.process, objects: true,
      { [self] in store.delete(file, byWriter: true) }, then: { _ in })
  }
}
