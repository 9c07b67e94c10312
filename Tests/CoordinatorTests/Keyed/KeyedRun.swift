import Catalog
import Consistency
import Coordinator
import IngestBus
import Maintenance
import Model
import ObjectStore
import Runtime
import Testing

/// One random life of a keyed table: writers, merges and faults in any order, drawn from a seed.
///
/// What happens is drawn from the seed; which events share a commit also depends on the machine,
/// and nothing that is checked does.
struct KeyedRun: Sendable {
  struct Tally: Sendable {
    var operations = 0
    var snapshots = 0
    var officialSnapshots = 0
    var merges = 0
    var rewrites = 0
    var faults = 0
  }

  let world: KeyedWorld
  let mesh: Mesh
  let clock: TestClock
  let maintenance: MaintenanceService
  /// Runs while a commit is held up. The other one may wait for that very commit, with its turn and
  /// the table's lease in hand.
  private let intruder: MaintenanceService
  private let isCommitHeld = Guarded(false)
  private var random: SeededGenerator
  private let keys: Int
  private let merged = Guarded((merges: 0, rewrites: 0))
  private(set) var tally = Tally()

  static let limits: Limits.Maintenance = {
    var limits = Limits.Maintenance()
    limits.mergeFanIn = 3
    limits.deletionGraceSeconds = 0
    return limits
  }()

  init(
    _ mesh: Mesh, clock: TestClock, seed: UInt64, layout: TableLayout = .unordered
  ) async throws {
    self.mesh = mesh
    self.clock = clock
    random = SeededGenerator(seed: seed)
    keys = [8, 40, 400][random.below(3)]
    // The official reader is asked for its numbers.
    world = try await KeyedWorld(
      mesh, shape: .number, rule: random.chance(50) ? .upsert : .deadLetter, layout: layout)
    maintenance = mesh.maintenance(Self.limits)
    intruder = mesh.maintenance(Self.limits)
  }

  /// Runs until so many operations are done, and checks everything.
  mutating func run(operations: Int) async throws {
    while tally.operations < operations {
      try await life(until: min(operations, tally.operations + operations / 4))
      if random.chance(50) { try await takeOver() }
    }
    try await check()
    try await expire()
    try await check()
    _ = try await maintenance.retainNow()
    try await check()
    try await mesh.expectClean()
    let merged = merged.withLock { $0 }
    tally.merges = merged.merges
    tally.rewrites = merged.rewrites
  }

  /// One coordinator from its start to its end in order.
  private mutating func life(until operations: Int) async throws {
    self = try await running(mesh.coordinator()) { [start = self] coordinator in
      var run = start
      while run.tally.operations < operations { try await run.step(coordinator) }
      run.disarm()
      try await run.world.wait(VisibilityToken(run.world.model.head))
      return run
    }
  }

  private mutating func step(_ coordinator: Coordinator) async throws {
    tally.operations += 1
    switch random.below(100) {
    case 0..<60:
      let events = KeyedModel.draw(1 + random.below(24), keys: keys, &random)
      let token = try await world.publish(events, telling: coordinator)
      if random.chance(60) { try await world.wait(token) }
    case 60..<70: try await world.retry(&random)
    case 70..<82: await compact()
    case 82..<92:
      // Beside events.
      let events = (0..<3).map { _ in KeyedModel.draw(4, keys: keys, &random) }
      async let merging: Void = compact()
      for batch in events { try await world.publish(batch, telling: coordinator) }
      await merging
    default:
      tally.faults += 1
      arm(random.below(6), with: KeyedModel.draw(3, keys: keys, &random), coordinator)
    }
  }

  private func compact(by service: MaintenanceService? = nil) async {
    // A fault may meet a merge as well; the table waits for the next one.
    guard let summary = try? await (service ?? maintenance).compactNow() else { return }
    merged.withLock { $0 = ($0.merges + summary.merges, $0.rewrites + summary.rewrites) }
  }

  /// Lets the next commit, or the next writing, go wrong in some way.
  private func arm(_ fault: Int, with events: [KeyedModel.Event], _ coordinator: Coordinator) {
    let once = FailingTimes(1)
    disarm()
    switch fault {
    case 0:
      mesh.store.beforePut { (_) async throws(ObjectStoreError) in
        if once.isFailing { throw .unavailable(reason: "a fault") }
      }
    case 1...3:
      let run = self
      mesh.catalog.aroundCommit { (commit, perform) async throws(CommitError) in
        guard once.isFailing else { return try await perform(commit) }
        switch fault {
        case 1: throw .unavailable(reason: "a fault")
        case 2: _ = try await perform(commit)
        default:
          // The table changes under the commit.
          run.isCommitHeld.withLock { $0 = true }
          await run.compact(by: run.intruder)
          run.isCommitHeld.withLock { $0 = false }
          return try await perform(commit)
        }
        throw .outcomeUnknown(reason: "a fault")
      }
    case 4:
      let run = self
      mesh.catalog.beforeRewrite { (_) async throws(CommitError) in
        guard once.isFailing else { return }
        do {
          let token = try await run.world.publish(events, telling: coordinator)
          if !run.isCommitHeld.withLock({ $0 }) { try await run.world.wait(token) }
        } catch {
          throw .unavailable(reason: "\(error)")
        }
      }
    default:
      mesh.catalog.beforeRewrite { (_) async throws(CommitError) in
        if once.isFailing { throw .outcomeUnknown(reason: "a fault") }
      }
    }
  }

  private func disarm() {
    mesh.store.beforePut(nil)
    mesh.catalog.aroundCommit(nil)
    mesh.catalog.beforeRewrite(nil)
  }

  /// A coordinator is held before its commit for longer than its lease; another takes over; then
  /// the first goes on.
  private mutating func takeOver() async throws {
    tally.faults += 1
    let gate = Gate()
    let first = FailingTimes(1)
    mesh.catalog.aroundCommit { (commit, perform) async throws(CommitError) in
      if first.isFailing { await gate.pass() }
      return try await perform(commit)
    }
    let batches = (0..<2).map { _ in KeyedModel.draw(10, keys: keys, &random) }
    let (world, mesh, clock) = (world, mesh, clock)
    try await running(mesh.coordinator()) { zombie in
      try await world.publish(batches[0], telling: zombie)
      try await eventually { gate.arrivals == 1 }
      clock.advanceLease(milliseconds: 700_000)
      try await world.publish(batches[1])
      try await running(mesh.coordinator()) { _ in
        try await world.wait(VisibilityToken(world.model.head))
      }
      gate.open()
    }
    disarm()
  }

  /// Some snapshots go, from anywhere.
  private mutating func expire() async throws {
    let ids = try await mesh.catalog.snapshotStubs(after: nil, limit: 100_000).map(\.id)
    var chosen: [SnapshotID] = []
    for id in ids where random.chance(40) { chosen.append(id) }
    _ = try await mesh.catalog.expireSnapshots(chosen)
  }

  /// Every snapshot, by our reader and by the official one, and all accounts.
  private mutating func check() async throws {
    tally.snapshots += try await world.expectEverySnapshot()
    try await world.expectAccounts()
    try await world.expectTokens()
    let snapshots = try await mesh.catalog.snapshots(
      tenant: world.table.tenant, before: nil, limit: 100_000
    ).filter { $0.id >= firstSnapshot }
    let name = mesh.opened.officialName
    let reader = OfficialReader(
      catalog: name.hasPrefix("sqlite:") ? String(name.dropFirst(7)) : name, schema: "acme")
    let answers = try await reader.ask(
      snapshots.map {
        .init(sql: "SELECT * FROM {table:keyed} ORDER BY id", snapshot: $0.id.rawValue)
      })
    for (snapshot, rows) in zip(snapshots, answers) {
      let expected = world.model.rows(at: snapshot.watermark.rawValue).sorted { $0.key < $1.key }
        .map { [String($0.key), $0.value.note] }
      #expect(
        rows == expected, "the official reader at snapshot \(snapshot.id.rawValue)")
    }
    tally.officialSnapshots += answers.count
  }

  /// The one that made the table.
  private var firstSnapshot: SnapshotID { world.firstSnapshot }
}
