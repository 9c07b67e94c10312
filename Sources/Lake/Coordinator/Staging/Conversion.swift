import Model

/// Between two of the engine's types, of which the engine's own cast makes one of the other.
indirect enum Conversion {
  case scalar(ScalarConversion)
  case list(Conversion)
  /// The fields that the source has; the others are null.
  case structure([(name: String, conversion: Conversion)])
  case map(key: Conversion, value: Conversion)

  /// - Returns: nil where a value could be lost that `condition(on:)` would not tell.
  init?(from source: EngineType, to target: EngineType) {
    switch (source, target) {
    case (.scalar(let from), .scalar(let to)):
      guard let conversion = ScalarConversion(from: from, to: to) else { return nil }
      self = .scalar(conversion)
    case (.scalar(let from), _) where ScalarConversion.isNothing(from):
      self = .scalar(.plain)
    case (.list(let from), .list(let to)):
      guard let element = Conversion(from: from, to: to) else { return nil }
      self = .list(element)
    case (.structure(let from), .structure(let to)):
      guard let fields = Self.fields(from, to) else { return nil }
      self = .structure(fields)
    case (.map(let fromKey, let fromValue), .map(let toKey, let toValue)):
      guard let key = Conversion(from: fromKey, to: toKey),
        let value = Conversion(from: fromValue, to: toValue)
      else { return nil }
      self = .map(key: key, value: value)
    default: return nil
    }
  }

  private static func fields(
    _ source: [EngineType.Field], _ target: [EngineType.Field]
  ) -> [(name: String, conversion: Conversion)]? {
    var fields: [(name: String, conversion: Conversion)] = []
    for field in source {
      guard let like = target.first(where: { $0.name == field.name }),
        let conversion = Conversion(from: field.type, to: like.type)
      else { return nil }
      fields.append((field.name, conversion))
    }
    return fields
  }

  /// SQL of what must hold of a value, true of null; nil where all values do.
  func condition(on value: String) -> String? { condition(on: value, nesting: 0) }

  private func condition(on value: String, nesting: Int) -> String? {
    switch self {
    case .scalar(let conversion): return conversion.condition(on: value)
    case .list(let element): return Self.all(value, element, nesting)
    case .structure(let fields):
      let conditions = fields.compactMap { field in
        field.conversion.condition(
          on: "\(value).\(SQLText.identifier(field.name))", nesting: nesting)
      }
      return conditions.isEmpty ? nil : Self.conjunction(conditions)
    case .map(let key, let item):
      // The engine takes a map of a file as it is, also one that has a key twice.
      let keys = "map_keys(\(value))"
      let once = "coalesce(len(list_distinct(\(keys))) = len(\(keys)), true)"
      let inside = [
        Self.all(keys, key, nesting), Self.all("map_values(\(value))", item, nesting),
      ]
      return Self.conjunction([once] + inside.compactMap(\.self))
    }
  }

  private static func all(_ list: String, _ inner: Conversion, _ nesting: Int) -> String? {
    // Each lambda has a name of its own: one inside another sees both.
    let element = "e\(nesting)"
    return inner.condition(on: element, nesting: nesting + 1).map { condition in
      "coalesce(list_bool_and(list_transform(\(list), lambda \(element): \(condition))), true)"
    }
  }

  private static func conjunction(_ conditions: [String]) -> String {
    conditions.map { "(\($0))" }.joined(separator: " AND ")
  }

  /// The condition in words that follow the type's name.
  var limits: String {
    switch self {
    case .scalar(let conversion): conversion.limits
    case .list(let element): Self.inside([element])
    case .structure(let fields): Self.inside(fields.map(\.conversion))
    case .map(let key, let value): ", each key once" + Self.inside([key, value])
    }
  }

  private static func inside(_ conversions: [Conversion]) -> String {
    var limits: [String] = []
    for limit in conversions.map(\.limits) where !limit.isEmpty && !limits.contains(limit) {
      limits.append(limit)
    }
    return limits.isEmpty ? "" : ", inside" + limits.joined(separator: " or")
  }
}
