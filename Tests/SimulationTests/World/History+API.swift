import Consistency
import Model

/// What one API process holds in memory.
struct ModelAPI {
  static let laneLimit = 6
  static let groupLimit = 4

  var lane: [ModelRequest] = []
  var isPublishing = false
  /// The schema version of each table as this process last heard.
  var schemaVersions: [Int: Int] = [:]
  var barrier = BarrierState(waiterLimit: 4)
  var waiting: [BarrierState.WaiterID: Int] = [:]
}

extension History {
  func startAPI(_ api: Int) {
    if apis.count <= api { apis.append(ModelAPI()) } else { apis[api] = ModelAPI() }
    pollWatermarks(api)
  }

  /// Underneath the notifications, which may be lost.
  private func pollWatermarks(_ api: Int) {
    after(Int64(300_000 + dice.below(200_000)), in: api) { [self] in
      pollWatermarks(api)
      guard apis[api].barrier.waiterCount > 0 else { return }
      call(
        from: api, { [self] in (store.latest, store.snapshots[store.latest].watermarks) },
        then: { [self] answer in
          guard case .value(let (snapshot, watermarks)) = answer else { return }
          for (tenant, watermark) in watermarks.enumerated() {
            announce(tenant, watermark: watermark, snapshot: snapshot, to: api)
          }
        })
    }
  }

  func accept(_ number: Int, api: Int) {
    let request = requests[number]
    guard apis[api].lane.count < ModelAPI.laneLimit else { return answer(number, .retry) }
    let version = apis[api].schemaVersions[request.table] ?? 1
    apis[api].lane.append(
      ModelRequest(
        request: number, tenant: request.tenant, table: request.table, schemaVersion: version,
        records: request.records))
    publishNext(api)
  }

  /// While one group is on its way the next one gathers.
  private func publishNext(_ api: Int) {
    guard !apis[api].isPublishing, !apis[api].lane.isEmpty else { return }
    apis[api].isPublishing = true
    let taken = apis[api].lane.prefix(ModelAPI.groupLimit)
    // By tenant, as the heads are locked; the order of a tenant's requests is kept.
    let group = store.tenants.indices.flatMap { tenant in taken.filter { $0.tenant == tenant } }
    apis[api].lane.removeFirst(taken.count)
    groups += 1
    var flow = PublishProtocol(attemptLimit: 3)
    carryOut(flow.begin(), flow, group, number: groups, outcomes: [], api: api)
  }

  private func carryOut(
    _ action: PublishProtocol.Action, _ flow: PublishProtocol, _ group: [ModelRequest],
    number: Int, outcomes: [ModelPublishOutcome], api: Int
  ) {
    switch action {
    case .send:
      if planted == .acknowledgedBeforePublished {
        acknowledge(group, guess(group), api: api)
      }
      call(
        from: api,
        { [self] in
          let outcomes = store.publish(group, number: number)
          note("store: group \(number) published, heads \(store.tenants.map(\.head))")
          return outcomes
        },
        then: { [self] answer in
          var flow = flow
          let next: PublishProtocol.Action
          var outcomes: [ModelPublishOutcome] = []
          switch answer {
          case .value(let found):
            outcomes = found
            next = flow.received(.durable)
          case .refused: next = flow.received(.certainlyNotApplied)
          case .unknown where planted == .acknowledgedOnUnknown:
            outcomes = guess(group)
            next = flow.received(.durable)
          case .unknown: next = flow.received(.outcomeUnknown)
          }
          if next == .send { reach(.groupSentAgain) }
          note("api \(api): group \(number) \(next)")
          carryOut(next, flow, group, number: number, outcomes: outcomes, api: api)
        })
      return
    case .acknowledge: acknowledge(group, outcomes, api: api)
    case .refuse:
      store.oracle.refused(group: number)
      for request in group { answer(request.request, .retry) }
    case .reportUnknown:
      reach(.groupOutcomeUnknown)
      for request in group { answer(request.request, .retry) }
    }
    apis[api].isPublishing = false
    publishNext(api)
  }

  private func acknowledge(
    _ group: [ModelRequest], _ outcomes: [ModelPublishOutcome], api: Int
  ) {
    for (request, outcome) in zip(group, outcomes) {
      switch outcome {
      case .accepted(let tokens):
        let tenant = store.tenants[request.tenant]
        store.oracle.acknowledged(request, tokens: tokens, in: tenant)
        answer(request.request, .accepted(tokens: tokens))
        tellCoordinators { [self] coordinator in
          published(tenant: request.tenant, head: tokens.max() ?? 0, to: coordinator)
        }
      case .keyReused(let index):
        store.oracle.conflicted(request, at: index, in: store.tables[request.table])
        answer(request.request, .conflict)
      case .tableGone:
        reach(.requestForADroppedTable)
        answer(request.request, .tableGone)
      case .schemaChanged:
        reach(.requestForAnOldSchema)
        checkAgain(request, api: api)
      }
    }
  }

  /// The schema has changed under a request: it is read anew, and the records checked again.
  private func checkAgain(_ request: ModelRequest, api: Int) {
    call(
      from: api, { [self] in store.tables[request.table].schemaVersion },
      then: {
        [self] found in
        guard case .value(let version) = found else { return answer(request.request, .retry) }
        apis[api].schemaVersions[request.table] = version
        accept(request.request, api: api)
      })
  }

  /// What a publisher believes that does not know: that the group is applied as it stands.
  private func guess(_ group: [ModelRequest]) -> [ModelPublishOutcome] {
    group.map { request in
      let head = store.tenants[request.tenant].head
      return .accepted(
        tokens: request.records.enumerated().map { index, record in
          store.tables[request.table].keys[record.key]?.token ?? head + index + 1
        })
    }
  }

  /// A watermark, or word of one, reaches an API process.
  func announce(_ tenant: Int, watermark: Int, snapshot: Int, to api: Int) {
    let released = apis[api].barrier.advance(
      tenant: TenantID(Int64(tenant)),
      to: .init(
        token: VisibilityToken(Int64(watermark)), snapshot: SnapshotID(Int64(snapshot))))
    // A set has no order of its own; the history must have one.
    for reader in released.compactMap({ apis[api].waiting.removeValue(forKey: $0) }).sorted() {
      readers[reader].waiter = nil
      reach(.readerReleased)
      note("reader \(reader): released by \(watermark)")
      carryOut(readers[reader].flow.waited(.released), reader)
    }
  }

  /// Word of a commit, from the database to every API process; it may be lost or come twice.
  func notifyAPIs(_ tenant: Int, watermark: Int, snapshot: Int) {
    for api in apis.indices {
      spread { [self] delay in
        after(delay, in: api) { [self] in
          announce(tenant, watermark: watermark, snapshot: snapshot, to: api)
        }
      }
    }
  }

  /// Sends a message that nobody may rely on, not even after healing.
  func spread(_ send: (Int64) -> Void) {
    guard !dice.chance(perMille: shape.lossPerMille) else {
      faults += 1
      return
    }
    send(transit())
    if !isHealing, dice.chance(perMille: shape.duplicationPerMille) { send(transit()) }
  }
}
