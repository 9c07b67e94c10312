import Consistency
import Model

extension History {
  // MARK: Maintenance

  func startMaintenance() {
    after(Int64(500_000 + dice.below(1_000_000)), in: maintenance) { [self] in
      startMaintenance()
      collectOrphans()
    }
  }

  /// As `Retention.deleteOrphans` does it: epochs, then what is there, then what is named.
  private func collectOrphans() {
    call(
      from: maintenance, { [self] in store.raiseExpired() },
      then: {
        [self] answer in
        guard case .value(let epochs) = answer else { return }
        call(
          from: maintenance, objects: true,
          { [self] in store.files.indices.filter { store.files[$0].isStored } },
          then: { [self] answer in
            guard case .value(let listed) = answer, !listed.isEmpty else { return }
            call(
              from: maintenance, { [self] in store.orphans(among: listed, epochs: epochs) },
              then: { [self] answer in
                guard case .value(let orphans) = answer, !orphans.isEmpty else { return }
                note("maintenance: deletes \(orphans)")
                call(
                  from: maintenance, objects: true,
                  { [self] in for file in orphans { store.delete(file, byWriter: false) } },
                  then: { _ in })
              })
          })
      })
  }

  // MARK: Faults

  func planChaos() {
    guard !isHealing else { return }
    after(Int64(50_000 + dice.below(300_000))) { [self] in
      guard !isHealing else { return }
      let process = dice.below(processes.count)
      if dice.chance(perMille: shape.crashPerMille) { crash(process) }
      if dice.chance(perMille: shape.stopPerMille) {
        stop(dice.below(shape.coordinators))
      }
      if dice.chance(perMille: shape.pausePerMille) { pause(dice.below(processes.count)) }
      if dice.chance(perMille: shape.clockJumpPerMille) { jump() }
      if dice.chance(perMille: shape.fencePerMille) { fence(dice.below(shape.tenants)) }
      if dice.chance(perMille: shape.outagePerMille) {
        faults += 1
        outageUntil = time + Int64(dice.below(4_000_000))
        note("FAULT: the store is out until \(outageUntil / 1_000) ms")
      }
      planChaos()
    }
  }

  private func crash(_ process: Int) {
    guard processes[process].isAlive else { return }
    faults += 1
    note("FAULT: process \(process) crashes")
    processes[process].isAlive = false
    after(Int64(dice.below(3_000_000))) { [self] in restart(process) }
  }

  private func restart(_ process: Int) {
    guard !processes[process].isAlive else { return }
    processes[process].isAlive = true
    processes[process].life += 1
    processes[process].pausedUntil = 0
    note("process \(process) starts again")
    if process < shape.apis {
      startAPI(process)
    } else if process < maintenance {
      startCoordinator(process - shape.apis)
    } else {
      startMaintenance()
    }
  }

  /// A stop in order gives the leases back; nothing flies any more then.
  private func stop(_ coordinator: Int) {
    let process = process(of: coordinator)
    guard processes[process].isAlive, coordinators[coordinator].flights.isEmpty else { return }
    faults += 1
    let owner = coordinators[coordinator].owner
    let leases = coordinators[coordinator].leases.sorted { $0.key < $1.key }
      .map { (tenant: $0.key, epoch: $0.value) }
    note("FAULT: \(owner.rawValue) stops in order")
    call(
      from: process, { [self] in store.release(leases, owner: owner) }, then: { _ in })
    processes[process].isAlive = false
    after(Int64(dice.below(500_000))) { [self] in restart(process) }
  }

  private func pause(_ process: Int) {
    faults += 1
    processes[process].pausedUntil = time + Int64(dice.below(8_000_000))
    note("FAULT: process \(process) is paused for \(processes[process].pausedUntil / 1_000) ms")
  }

  /// Somebody takes a lease away before its time, as an operator may.
  private func fence(_ tenant: Int) {
    faults += 1
    note("FAULT: tenant \(tenant) is fenced off")
    store.write(LeaseRules.fencedOff(store.tenants[tenant].lease), of: tenant)
  }

  private func jump() {
    faults += 1
    let leap = Int64(dice.among(-10_000_000...10_000_000))
    clockError += leap
    if leap < 0 { reach(.clockSetBack) }
    note("FAULT: the clock of the database is \(clockError / 1_000) ms off")
  }

  // MARK: Healing

  /// Faults and new work end; what is under way goes on, and messages go astray as before.
  func heal() {
    note("healing")
    isHealing = true
    outageUntil = 0
    for process in processes.indices {
      processes[process].pausedUntil = min(processes[process].pausedUntil, time)
      restart(process)
    }
    readHeads()
  }

  /// Readers who must be answered, at every API, with each tenant's last token.
  private func readHeads() {
    for api in apis.indices {
      for tenant in store.tenants.indices where store.tenants[tenant].head > 0 {
        read(tenant: tenant, token: store.tenants[tenant].head, api: api, isFinal: true)
      }
    }
  }

  /// Whether everything has drained; the last readers are sent when all else has.
  var isDone: Bool {
    guard openRequests == 0, openReaders == 0, lateCalls == 0,
      store.tenants.allSatisfy({ $0.watermark == $0.head })
    else { return false }
    guard !hasFinalReaders else { return true }
    hasFinalReaders = true
    readHeads()
    return openReaders == 0
  }

  var whatIsLeft: String {
    "\(openRequests) requests, \(openReaders) readers, \(lateCalls) calls, watermarks "
      + "\(store.tenants.map(\.watermark)) of heads \(store.tenants.map(\.head))"
  }
}
