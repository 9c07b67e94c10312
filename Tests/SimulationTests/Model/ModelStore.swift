import Consistency
import Model

/// A store whose transactions are atomic and follow the rules that the real ones follow
/// (`TokenAssignment`, `LeaseRules`, `CommitRules`), and the objects beside it.
///
/// Each method is one transaction. The oracle is told of each change and looks at it with rules of
/// its own.
struct ModelStore {
  static let leaseMs = 3_000
  /// As many as fit the bits of `ModelFile.rows`.
  static let claimLimit = 64

  var tenants: [ModelTenant]
  var tables: [ModelTable] = []
  var files: [ModelFile] = []
  var snapshots: [ModelSnapshot]
  /// By the commit's number.
  var commits: [Int?] = []
  /// The clock of the database.
  var now = Timestamp(microseconds: 0)
  let planted: PlantedFault?
  let keysPerTable: Int
  var oracle = Oracle()

  init(shape: HistoryShape, planted: PlantedFault?) {
    self.planted = planted
    keysPerTable = shape.keysPerTable
    tenants = Array(repeating: ModelTenant(), count: shape.tenants)
    snapshots = [
      ModelSnapshot(
        time: Timestamp(microseconds: -1), watermarks: Array(repeating: 0, count: shape.tenants))
    ]
    for tenant in 0..<shape.tenants {
      for _ in 0..<shape.tablesPerTenant { addTable(of: tenant) }
    }
  }

  mutating func addTable(of tenant: Int) {
    tables.append(
      ModelTable(tenant: tenant, keys: Array(repeating: nil, count: keysPerTable)))
  }

  var latest: Int { snapshots.count - 1 }

  // A transaction of the publisher.
  mutating func publish(_ group: [ModelRequest], number: Int) -> [ModelPublishOutcome] {
    var outcomes: [ModelPublishOutcome] = []
    var index = 0
    while index < group.count {
      let tenant = group[index].tenant
      let head = tenants[tenant].head
      var assignment = TokenAssignment(head: VisibilityToken(Int64(head)))
      while index < group.count, group[index].tenant == tenant {
        outcomes.append(publish(group[index], number: number, &assignment))
        index += 1
      }
      let newHead = Int(assignment.committedHead.rawValue)
      guard newHead > head else { continue }
      tenants[tenant].segments.append(ModelSegment(first: head + 1, last: newHead))
      tenants[tenant].head = newHead
      oracle.published(tenants[tenant], group: number, after: head)
    }
    return outcomes
  }

  private mutating func publish(
    _ request: ModelRequest, number: Int, _ assignment: inout TokenAssignment
  ) -> ModelPublishOutcome {
    guard tables[request.table].droppedAt == nil else { return .tableGone }
    guard tables[request.table].schemaVersion == request.schemaVersion else {
      return .schemaChanged
    }
    assignment.beginRequest()
    let headBefore = tenants[request.tenant].events.count
    var tokens: [Int] = []
    for (index, record) in request.records.enumerated() {
      let found = tables[request.table].keys[record.key]
      let state: TokenAssignment.KeyState
      if let found {
        let stored = planted == .contentHashDropped ? record.content : found.content
        state = .present(
          token: VisibilityToken(Int64(found.token)), content: Int64(stored))
      } else {
        state = .inserted
        tables[request.table].keys[record.key] = (
          Int(assignment.nextToken.rawValue), record.content
        )
      }
      switch assignment.offer(content: Int64(record.content), state: state) {
      case .new(let token):
        tokens.append(Int(token.rawValue))
        tenants[request.tenant].events.append(
          ModelEvent(
            table: request.table, key: record.key, content: record.content, group: number))
      case .duplicate(let token): tokens.append(Int(token.rawValue))
      case .conflict:
        undo(request, before: index, through: Int(assignment.committedHead.rawValue))
        oracle.check(
          tenants[request.tenant].events.count == headBefore
            && request.records.allSatisfy { record in
              tables[request.table].keys[record.key].map { $0.token <= headBefore } ?? true
            }, "something of a refused request remains")
        return .keyReused(index: index)
      }
    }
    return .accepted(tokens: tokens)
  }

  private mutating func undo(_ request: ModelRequest, before index: Int, through head: Int) {
    for record in request.records[..<index] {
      if let key = tables[request.table].keys[record.key], key.token > head {
        tables[request.table].keys[record.key] = nil
      }
    }
    tenants[request.tenant].events.removeLast(tenants[request.tenant].events.count - head)
  }

  mutating func changeSchema(of table: Int) {
    guard tables[table].droppedAt == nil else { return }
    tables[table].schemaVersion += 1
    addSnapshot()
  }

  /// Drops a table and makes another in its place.
  mutating func replace(_ table: Int) {
    guard tables[table].droppedAt == nil else { return }
    addSnapshot()
    tables[table].droppedAt = latest
    addTable(of: tables[table].tenant)
  }

  mutating func addSnapshot() {
    let time = CommitRules.snapshotTime(now: now, previous: snapshots[latest].time)
    oracle.check(time > snapshots[latest].time, "snapshot times do not increase")
    snapshots.append(
      ModelSnapshot(time: time, watermarks: tenants.map(\.watermark)))
  }
}
