import SimdJSON

/// Holds values against the contract's schemas, and stricter than those: a member that the schema
/// does not name is a fault too, since what is sent must be written down.
struct ResponseSchema {
  let document: YAMLValue

  func resolve(_ schema: YAMLValue) -> YAMLValue {
    guard let reference = schema["$ref"]?.text else { return schema }
    return reference.split(separator: "/").dropFirst().reduce(document) { value, name in
      value[String(name)] ?? .scalar("nothing at \(reference)")
    }
  }

  func faults(_ value: JSONValue, _ given: YAMLValue, at place: String = "") -> [String] {
    let schema = resolve(given)
    if case .scalar(let text) = schema { return text == "true" ? [] : ["\(place): \(text)"] }
    var faults: [String] = []
    let types = schema["type"]?.texts ?? []
    if !types.isEmpty, !types.contains(where: { Self.isType($0, value) }) {
      faults.append("\(place): not \(types) but \(value.compactText.prefix(100))")
    }
    if let constant = schema["const"]?.text, value.text != constant {
      faults.append("\(place): not \(constant)")
    }
    if let allowed = schema["enum"]?.texts, !allowed.contains(value.text ?? "") {
      faults.append("\(place): none of \(allowed)")
    }
    if let elements = value.elements, let items = schema["items"] {
      for (index, element) in elements.enumerated() {
        faults += self.faults(element, items, at: "\(place)[\(index)]")
      }
    }
    if let members = value.members, schema["type"]?.text == "object" {
      faults += objectFaults(members, schema, at: place)
    }
    return faults
  }

  private func objectFaults(
    _ members: [JSONValue.Member], _ schema: YAMLValue, at place: String
  ) -> [String] {
    let properties = schema["properties"]?.members ?? [:]
    var faults: [String] = []
    for name in schema["required"]?.texts ?? []
    where !members.contains(where: { $0.name == name }) {
      faults.append("\(place).\(name): missing")
    }
    for member in members {
      let inner = "\(place).\(member.name)"
      if let property = properties[member.name] {
        faults += self.faults(member.value, property, at: inner)
      } else if let more = schema["additionalProperties"], more != .scalar("false") {
        faults += self.faults(member.value, more, at: inner)
      } else {
        faults.append("\(inner): not in the contract")
      }
    }
    return faults
  }

  private static func isType(_ type: String, _ value: JSONValue) -> Bool {
    switch (type, value) {
    case ("object", .object), ("array", .array), ("string", .string), ("boolean", .boolean),
      ("null", .null), ("number", .number):
      true
    case ("integer", .number): value.integer != nil
    default: false
    }
  }
}
