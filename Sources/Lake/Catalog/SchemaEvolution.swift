import Model

/// How a table's schema becomes another one: what changes, and whether it may.
///
/// Columns are matched by name, or by the name that the proposal says they have now; a matched
/// column keeps its id, so files and events of older versions follow it.
package struct SchemaEvolution: Sendable, Equatable {
  package let alteration: TableAlteration
  /// Nothing but perhaps the mode changes when there is none.
  package let changes: [SchemaChange]

  /// Every reason why the proposal is refused, in the order of its columns.
  package struct Incompatible: Error, Sendable, Equatable {
    package let refusals: [SchemaRefusal]
  }

  /// - Parameter mode: what the table's mode is from now on, and what the change is held against.
  package init(
    of table: TableRecord, to proposed: ProposedSchema, mode: CompatibilityMode
  ) throws(Incompatible) {
    var plan = EvolutionPlan(table: table, mode: mode)
    plan.match(proposed)
    plan.checkDropped()
    plan.checkOrder()
    guard plan.refusals.isEmpty else { throw Incompatible(refusals: plan.refusals) }
    changes = plan.changes
    alteration = TableAlteration(
      table: table.id, base: table.schemaVersion,
      columns: plan.changes.isEmpty ? nil : plan.columns, compatibilityMode: mode,
      eventTimeColumn: plan.eventTimeColumn)
  }
}

/// Gathers the changes and the refusals of one proposal.
private struct EvolutionPlan {
  private struct Present {
    let definition: ColumnDefinition
    let id: Int64
    let initialDefault: ColumnDefault?
  }

  private let mode: CompatibilityMode
  private let present: [Present]
  private let table: TableRecord
  private var taken: Set<Int64> = []
  private(set) var columns: [TableAlteration.Column] = []
  private(set) var changes: [SchemaChange] = []
  private(set) var refusals: [SchemaRefusal] = []

  init(table: TableRecord, mode: CompatibilityMode) {
    self.mode = mode
    self.table = table
    present = table.definition.schema.columns.indices.map {
      Present(
        definition: table.definition.schema.columns[$0], id: table.columnIDs[$0],
        initialDefault: table.initialDefaults[$0])
    }
  }

  /// The event time column's name after the change.
  var eventTimeColumn: String? {
    guard let name = table.definition.eventTimeColumn, let id = column(named: name)?.id else {
      return nil
    }
    return columns.first { $0.id == id }?.definition.name
  }

  private func column(named name: String) -> Present? {
    present.first { $0.definition.name == name }
  }

  // MARK: Columns that are there afterwards

  mutating func match(_ proposed: ProposedSchema) {
    // Renames first: the old name of a renamed column is free for another.
    var sources: [String: Present] = [:]
    for column in proposed.schema.columns {
      guard let old = proposed.renamedFrom[column.name], old != column.name else { continue }
      guard let source = self.column(named: old) else {
        // Said again of a change that was made already.
        if self.column(named: column.name) != nil { continue }
        refuse(column.name, "rename", "there is no column \"\(old)\" to rename")
        continue
      }
      guard taken.insert(source.id).inserted else {
        refuse(column.name, "rename", "\"\(old)\" is renamed twice")
        continue
      }
      sources[column.name] = source
    }
    for column in proposed.schema.columns {
      if let source = sources[column.name] {
        keep(source, as: column)
      } else if let same = self.column(named: column.name), taken.insert(same.id).inserted {
        keep(same, as: column)
      } else {
        add(column)
      }
    }
  }

  private mutating func keep(_ old: Present, as proposed: ColumnDefinition) {
    let before = old.definition
    let new = isKey(old) ? proposed.required : proposed
    if before.type != new.type, !before.type.widens(to: new.type) {
      replace(old, by: new)
      return
    }
    if before.name != new.name { change(.renamed(from: before.name, to: new.name)) }
    if before.type != new.type {
      if isKey(old), [.float, .double].contains(new.type) {
        refuse(new.name, "widen", "a primary key column cannot be \(new.type.sqlName)")
      }
      // The values of the partitions that are there are texts of the old type.
      if isPartitioning(old) { refuse(new.name, "widen", "it partitions the table") }
      change(.widened(new.name, from: before.type, to: new.type))
    }
    checkNullability(before, new)
    if before.defaultValue != new.defaultValue {
      let isRequired = new.defaultValue == nil && !new.isNullable && !before.isNullable
      change(isRequired ? .madeRequired(new.name) : .changedDefault(new.name))
    }
    if before.comment != new.comment { change(.commented(new.name)) }
    columns.append(.init(id: old.id, definition: new, initialDefault: old.initialDefault))
  }

  private mutating func checkNullability(_ old: ColumnDefinition, _ new: ColumnDefinition) {
    switch (old.isNullable, new.isNullable) {
    case (false, true): change(.madeNullable(new.name))
    case (true, false):
      refuse(
        new.name, "make_not_null",
        "rows of older versions may hold null there, which no later schema can take back")
    case (true, true), (false, false): break
    }
  }

  /// The old column goes, and a new one has its name.
  private mutating func replace(_ old: Present, by new: ColumnDefinition) {
    let change = SchemaChange.replaced(new.name, from: old.definition.type, to: new.type)
    if isKey(old) {
      refuse(new.name, change.name, "it belongs to the primary key")
    } else if old.definition.name == table.definition.eventTimeColumn {
      refuse(new.name, change.name, "it is the event_time_column")
    } else if table.definition.layout.uses(column: old.definition.name) {
      refuse(new.name, change.name, "it partitions or orders the table")
    } else {
      self.change(change)
      append(new)
    }
  }

  private mutating func add(_ column: ColumnDefinition) {
    let twin = present.first {
      $0.definition.name.lowercased() == column.name.lowercased() && !taken.contains($0.id)
    }
    if let twin {
      refuse(
        column.name, "add",
        "it differs from \"\(twin.definition.name)\" in upper and lower case only; say"
          + " \"renamed_from\" if it is the same column")
      return
    }
    change(.added(column.name))
    append(column)
  }

  private mutating func append(_ column: ColumnDefinition) {
    if !column.isNullable, column.defaultValue == nil {
      refuse(
        column.name, "add",
        "rows that are there would have no value for it; make it nullable or give it a default")
    }
    columns.append(.init(id: nil, definition: column, initialDefault: column.defaultValue))
  }

  // MARK: What is left over

  mutating func checkDropped() {
    let replaced = changes.compactMap { change -> String? in
      if case .replaced(let name, _, _) = change { name } else { nil }
    }
    for column in present where !taken.contains(column.id) {
      let name = column.definition.name
      if isKey(column) {
        refuse(name, "drop", "it belongs to the primary key")
      } else if name == table.definition.eventTimeColumn {
        refuse(name, "drop", "it is the event_time_column")
      } else if table.definition.layout.uses(column: name) {
        refuse(name, "drop", "it partitions or orders the table")
      } else if !replaced.contains(name) {
        change(.dropped(name))
      }
    }
  }

  mutating func checkOrder() {
    let kept = columns.compactMap(\.id)
    let before = present.map(\.id).filter { kept.contains($0) }
    // Where a new column stands is no change of its own.
    if kept != before { change(.reordered) }
  }

  private func isKey(_ column: Present) -> Bool {
    table.definition.primaryKey.contains(column.definition.name)
  }

  private func isPartitioning(_ column: Present) -> Bool {
    table.definition.layout.partitioning.contains { $0.column == column.definition.name }
  }

  private mutating func change(_ change: SchemaChange) {
    changes.append(change)
    if let column = change.column, let reason = change.objection(in: mode) {
      refuse(column, change.name, reason)
    }
  }

  private mutating func refuse(_ column: String, _ change: String, _ reason: String) {
    refusals.append(SchemaRefusal(column: column, change: change, reason: reason))
  }
}

extension ColumnDefinition {
  /// As a column of a primary key is, whatever was asked for.
  fileprivate var required: ColumnDefinition {
    ColumnDefinition(
      name: name, type: type, isNullable: false, defaultValue: defaultValue, comment: comment)
  }
}
