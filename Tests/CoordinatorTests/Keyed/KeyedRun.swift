import Catalog
import Coordinator
import IngestBus
import Maintenance
import Model
import Runtime
import Testing

/// One random life of a keyed table: writers, changes of its schema, restores, merges, expiry and
/// faults in any order, drawn from a seed.
///
/// What happens is drawn from the seed; which events share a commit also depends on the machine,
/// and nothing that is checked does.
struct KeyedRun: Sendable {
  struct Tally: Sendable {
    var operations = 0
    var alterations = 0
    var restores = 0
    var expired = 0
    var merges = 0
    var rewrites = 0
    var faults = 0
    var snapshots = 0
    var officialSnapshots = 0
    var comparisons = 0
    var differences = 0
  }

  let world: KeyedWorld
  let mesh: Mesh
  let clock: TestClock
  let maintenance: MaintenanceService
  /// Runs while a commit is held up. The other one may wait for that very commit, with its turn and
  /// the table's lease in hand.
  let intruder: MaintenanceService
  let isCommitHeld = Guarded(false)
  var random: SeededGenerator
  let keys: Int
  private let merged = Guarded((merges: 0, rewrites: 0))
  var counts = Tally()

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
    keys = [8, 40, 400, 20_000][random.below(4)]
    world = try await KeyedWorld(
      mesh, shape: .number, rule: random.chance(50) ? .upsert : .deadLetter,
      // What a layout is made of stays as it is.
      isEvolving: layout == .unordered, layout: layout)
    maintenance = mesh.maintenance(Self.limits)
    intruder = mesh.maintenance(Self.limits)
  }

  var tally: Tally {
    var tally = counts
    (tally.merges, tally.rewrites) = merged.withLock { $0 }
    let seen = world.tally
    (tally.alterations, tally.restores) = (seen.alterations, seen.restores)
    (tally.comparisons, tally.differences) = (seen.comparisons, seen.differences)
    return tally
  }

  /// Runs until so many operations are done, and checks everything.
  mutating func run(operations: Int) async throws {
    while counts.operations < operations {
      try await life(until: min(operations, counts.operations + operations / 4))
      if random.chance(50) { try await takeOver() }
      if random.chance(30) { try await check() }
    }
    try await check()
    try await expire(40)
    try await check()
    _ = try await maintenance.retainNow()
    try await check()
    try await mesh.expectClean()
  }

  /// One coordinator from its start to its end in order.
  private mutating func life(until operations: Int) async throws {
    self = try await running(mesh.coordinator()) { [start = self] coordinator in
      var run = start
      while run.counts.operations < operations { try await run.step(coordinator) }
      run.disarm()
      try await run.world.wait(VisibilityToken(run.world.model.head))
      return run
    }
  }

  private mutating func step(_ coordinator: Coordinator) async throws {
    counts.operations += 1
    switch random.below(100) {
    case 0..<50:
      let events = KeyedModel.draw(1 + random.below(24), keys: keys, &random)
      let token = try await world.publish(events, telling: coordinator)
      if random.chance(60) { try await world.wait(token) }
    case 50..<58: try await world.retry(&random)
    case 58..<68: await compact(by: maintenance)
    case 68..<76:
      let events = (0..<3).map { _ in KeyedModel.draw(4, keys: keys, &random) }
      // Beside events.
      let (world, run, isMerge) = (world, self, random.chance(60))
      let seed = random.next()
      async let other: Void =
        isMerge ? run.compact(by: run.maintenance) : world.restore(run.maintenance, seed: seed)
      for batch in events { try await world.publish(batch, telling: coordinator) }
      try await other
    case 76..<82: try await world.alter(seed: random.next())
    case 82..<87: try await world.restore(maintenance, seed: random.next())
    case 87..<89: try await expire(20)
    default:
      counts.faults += 1
      arm(coordinator)
    }
  }

  func compact(by service: MaintenanceService) async {
    // A fault may meet a merge as well; the table waits for the next one.
    guard let summary = try? await service.compactNow() else { return }
    merged.withLock { $0 = ($0.merges + summary.merges, $0.rewrites + summary.rewrites) }
  }

  /// Some snapshots go, from anywhere, after a last look at them.
  private mutating func expire(_ percent: Int) async throws {
    let ids = try await mesh.catalog.snapshotStubs(after: nil, limit: 100_000).map(\.id)
    var chosen: Set<SnapshotID> = []
    for id in ids.dropLast() where random.chance(percent) { chosen.insert(id) }
    let snapshots = try await mesh.catalog.snapshots(
      tenant: world.table.tenant, before: nil, limit: 100_000)
    for snapshot in snapshots where chosen.contains(snapshot.id) {
      try await world.expect(snapshot)
      counts.snapshots += 1
    }
    counts.expired += try await mesh.catalog.expireSnapshots(chosen.sorted())
    // Nothing is old by this clock: files that no snapshot shows go, whatever is being written.
    _ = try await mesh.maintenance(
      Self.limits, wall: ManualWallClock(microseconds: clock.wall.microseconds)
    ).retainNow()
  }
}
