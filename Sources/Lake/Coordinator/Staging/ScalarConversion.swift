/// Between two of the engine's types that hold one value, by their names in SQL.
struct ScalarConversion {
  private enum Form {
    case plain
    case text, uuidText, jsonText
    case date, time, timestamp
    /// A point in time that must be a whole number of the unit.
    case wholeSeconds, wholeMilliseconds, wholeMicroseconds
    /// One that 64 bits of nanoseconds hold.
    case nanoseconds
  }

  private let form: Form

  /// - Returns: nil where a value could be lost.
  init?(from source: String, to target: String) {
    if let form = Self.checked(source, target) {
      self.form = form
    } else if source == target || Self.isNothing(source) {
      form = .plain
    } else if source.hasPrefix("ENUM("), target == "VARCHAR" {
      form = .plain
    } else if let from = NumericType(source), let to = NumericType(target), to.holds(from) {
      form = .plain
    } else {
      return nil
    }
  }

  static let plain = ScalarConversion()

  private init() { form = .plain }

  /// Whether the type has no values but null.
  static func isNothing(_ source: String) -> Bool { source == "\"NULL\"" || source == "NULL" }

  private static func checked(_ source: String, _ target: String) -> Form? {
    switch (source, target) {
    case ("VARCHAR", "VARCHAR"): .text
    case ("VARCHAR", "UUID"): .uuidText
    case ("VARCHAR", "JSON"), ("JSON", "JSON"): .jsonText
    case ("DATE", "DATE"): .date
    case ("TIME", "TIME"): .time
    case ("TIMESTAMP", "TIMESTAMP"), ("TIMESTAMP_S", "TIMESTAMP"), ("TIMESTAMP_MS", "TIMESTAMP"),
      ("TIMESTAMP_S", "TIMESTAMP_MS"), ("TIMESTAMP_S", "TIMESTAMP_S"),
      ("TIMESTAMP_MS", "TIMESTAMP_MS"):
      .timestamp
    case ("TIMESTAMP", "TIMESTAMP_S"), ("TIMESTAMP_MS", "TIMESTAMP_S"): .wholeSeconds
    case ("TIMESTAMP", "TIMESTAMP_MS"): .wholeMilliseconds
    case ("TIMESTAMP_NS", "TIMESTAMP"): .wholeMicroseconds
    case ("TIMESTAMP", "TIMESTAMP_NS"), ("TIMESTAMP_S", "TIMESTAMP_NS"),
      ("TIMESTAMP_MS", "TIMESTAMP_NS"), ("TIMESTAMP_NS", "TIMESTAMP_NS"):
      .nanoseconds
    case ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE"): .timestamp
    default: nil
    }
  }

  /// What must hold of each value; of null it does.
  func condition(on name: String) -> String? {
    switch form {
    case .plain: nil
    case .text: "\(name) IS NULL OR NOT contains(\(name), chr(0))"
    case .uuidText:
      """
      \(name) IS NULL OR regexp_full_match(\(name), \
      '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}')
      """
    case .jsonText: "\(name) IS NULL OR json_valid(\(name)::VARCHAR)"
    case .date, .timestamp:
      "\(name) IS NULL OR (isfinite(\(name)) AND year(\(name)) BETWEEN 1 AND 9999)"
    case .time: "\(name) IS NULL OR \(name) < TIME '24:00:00'"
    case .wholeSeconds: Self.whole(name, microseconds: 1_000_000)
    case .wholeMilliseconds: Self.whole(name, microseconds: 1000)
    case .wholeMicroseconds:
      "\(name) IS NULL OR (isfinite(\(name)) AND epoch_ns(\(name)) % 1000 = 0)"
    case .nanoseconds:
      "\(name) IS NULL OR (isfinite(\(name)) AND year(\(name)) BETWEEN 1678 AND 2261)"
    }
  }

  private static func whole(_ name: String, microseconds unit: Int) -> String {
    "\(name) IS NULL OR (isfinite(\(name)) AND year(\(name)) BETWEEN 1 AND 9999 "
      + "AND epoch_us(\(name)) % \(unit) = 0)"
  }

  /// The condition in words that follow the type's name.
  var limits: String {
    switch form {
    case .plain: ""
    case .text: " without U+0000"
    case .uuidText: " as xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
    case .jsonText: " that is well-formed"
    case .date, .timestamp: " in the years 0001 to 9999"
    case .time: " before 24:00"
    case .wholeSeconds: " of whole seconds in the years 0001 to 9999"
    case .wholeMilliseconds: " of whole milliseconds in the years 0001 to 9999"
    case .wholeMicroseconds: " of whole microseconds"
    case .nanoseconds: " in the years 1678 to 2261"
    }
  }
}
