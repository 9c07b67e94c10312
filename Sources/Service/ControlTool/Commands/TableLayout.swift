/// Partitions and order of a table, in the short form of the command line.
enum TableLayout {
  /// What a request to make a table says of them; the server judges the names and numbers.
  static func members(partitionBy: String?, sortBy: String?) -> [JSONValue.Member] {
    var members: [JSONValue.Member] = []
    if let partitionBy {
      let fields = items(partitionBy).map(partitionField)
      members.append(.init(name: "partition_spec", value: .array(fields)))
    }
    if let sortBy {
      let fields = items(sortBy).map { item in
        let parts = item.split(separator: ":", maxSplits: 1).map(String.init)
        var field: [JSONValue.Member] = [
          .init(name: "column", value: .string(parts.first ?? ""))
        ]
        if parts.count > 1 { field.append(.init(name: "direction", value: .string(parts[1]))) }
        return JSONValue.object(field)
      }
      members.append(.init(name: "sort_order", value: .array(fields)))
    }
    return members
  }

  /// What a table's description says of them, in the same form.
  static func lines(_ table: JSONValue) -> [(title: String, text: String)] {
    let partitions = (table["partition_spec"]?.array ?? []).map { field in
      let column = field["column"]?.text ?? ""
      switch field["transform"]?.text {
      case "identity", nil: return column
      case "bucket": return "bucket(\(field["buckets"]?.compactText ?? ""):\(column))"
      case let transform?: return "\(transform)(\(column))"
      }
    }
    let order = (table["sort_order"]?.array ?? []).map { field in
      (field["column"]?.text ?? "") + (field["direction"]?.text == "desc" ? ":desc" : "")
    }
    return [("partitions", partitions), ("order", order)].filter { !$0.1.isEmpty }.map {
      (title: $0.0, text: $0.1.joined(separator: ","))
    }
  }

  private static func items(_ text: String) -> [String] {
    text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
  }

  private static func partitionField(_ item: String) -> JSONValue {
    guard item.hasSuffix(")"), let open = item.firstIndex(of: "(") else {
      return .object([.init(name: "column", value: .string(item))])
    }
    let inside = item[item.index(after: open)...].dropLast()
    var members: [JSONValue.Member] = [
      .init(name: "transform", value: .string(String(item[..<open])))
    ]
    let parts = inside.split(separator: ":", maxSplits: 1).map(String.init)
    if parts.count > 1 {
      let count = Int64(parts[0]) == nil ? JSONValue.string(parts[0]) : .number(parts[0])
      members.append(.init(name: "buckets", value: count))
    }
    members.append(.init(name: "column", value: .string(parts.last ?? "")))
    return .object(members)
  }
}
