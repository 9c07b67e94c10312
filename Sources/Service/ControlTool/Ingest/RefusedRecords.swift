/// Translates the record numbers of a refused request into lines of the input.
package enum RefusedRecords {
  package static let maximumNotes = 20

  /// One line for each record that the refusal's context names, wherever it lists them.
  package static func notes(_ failure: ToolFailure, _ batch: Batch, sourceName: String) -> [String]
  {
    guard case .refused(let refusal) = failure, let context = refusal.context else { return [] }
    let records = named(in: context)
    return records.prefix(maximumNotes).compactMap { record in
      guard let index = record["record_index"]?.integer, batch.lines.indices.contains(index) else {
        return nil
      }
      let details = (record.members ?? []).filter { $0.name != "record_index" }.map { member in
        "\(member.name) \(member.value.text ?? member.value.compactText)"
      }
      let text = details.joined(separator: ", ")
      return Printable.line("\(sourceName) line \(batch.lines[index]): \(text)")
    }
  }

  private static func named(in value: JSONValue) -> [JSONValue] {
    switch value {
    case .object(let members):
      value["record_index"] != nil ? [value] : members.flatMap { named(in: $0.value) }
    case .array(let elements):
      elements.flatMap(named)
    case .null, .boolean, .number, .string:
      []
    }
  }
}
