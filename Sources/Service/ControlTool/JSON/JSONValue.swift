/// A JSON value that keeps the order of members and the spelling of numbers, so that 64-bit and
/// larger integers and decimals come out as the server wrote them.
package enum JSONValue: Sendable, Equatable {
  package struct Member: Sendable, Equatable {
    package var name: String
    package var value: JSONValue

    package init(name: String, value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  case null
  case boolean(Bool)
  /// As spelt.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([Member])

  /// Reads one value; all bytes must belong to it and be UTF-8.
  package init(parsing bytes: some Collection<UInt8>) throws(JSONProblem) {
    let bytes = Array(bytes)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw JSONProblem(offset: 0, reason: "not UTF-8")
    }
    _ = text
    let result: Result<JSONValue, JSONProblem> = bytes.withUnsafeBufferPointer { pointer in
      do throws(JSONProblem) {
        var scanner = JSONScanner(pointer)
        let value = try JSONValue(&scanner, pointer, depth: 0)
        try scanner.end()
        return .success(value)
      } catch {
        return .failure(error)
      }
    }
    self = try result.get()
  }

  package init(_ number: Int) {
    self = .number(String(number))
  }

  private init(
    _ scanner: inout JSONScanner, _ bytes: UnsafeBufferPointer<UInt8>, depth: Int
  ) throws(JSONProblem) {
    switch scanner.peek() {
    case 0x7B:
      var members: [Member] = []
      try scanner.object(depth: depth) { (scanner, name) throws(JSONProblem) in
        let value = try JSONValue(&scanner, bytes, depth: depth + 1)
        members.append(Member(name: JSONString.decoded(bytes[name]), value: value))
      }
      self = .object(members)
    case 0x5B:
      var elements: [JSONValue] = []
      try scanner.array(depth: depth) { (scanner) throws(JSONProblem) in
        elements.append(try JSONValue(&scanner, bytes, depth: depth + 1))
      }
      self = .array(elements)
    case 0x22:
      self = .string(JSONString.decoded(bytes[try scanner.string()]))
    default:
      let range = try scanner.value(depth: depth)
      switch bytes[range.lowerBound] {
      case 0x74: self = .boolean(true)
      case 0x66: self = .boolean(false)
      case 0x6E: self = .null
      default: self = .number(String(decoding: bytes[range], as: UTF8.self))
      }
    }
  }
}

extension JSONValue {
  /// The member of that name; nil when this is no object or has none.
  package subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  package var text: String? {
    if case .string(let text) = self { text } else { nil }
  }

  package var boolean: Bool? {
    if case .boolean(let value) = self { value } else { nil }
  }

  package var integer: Int? {
    if case .number(let text) = self { Int(text) } else { nil }
  }

  package var array: [JSONValue]? {
    if case .array(let elements) = self { elements } else { nil }
  }

  package var members: [Member]? {
    if case .object(let members) = self { members } else { nil }
  }

  /// Without white space.
  package var compactText: String {
    String(decoding: compactBytes, as: UTF8.self)
  }

  package var compactBytes: [UInt8] {
    var bytes: [UInt8] = []
    write(to: &bytes)
    return bytes
  }

  private func write(to bytes: inout [UInt8]) {
    switch self {
    case .null: bytes += "null".utf8
    case .boolean(let value): bytes += (value ? "true" : "false").utf8
    case .number(let text): bytes += text.utf8
    case .string(let text): JSONString.append(text, to: &bytes)
    case .array(let elements):
      bytes.append(0x5B)
      for (index, element) in elements.enumerated() {
        if index > 0 { bytes.append(0x2C) }
        element.write(to: &bytes)
      }
      bytes.append(0x5D)
    case .object(let members):
      bytes.append(0x7B)
      for (index, member) in members.enumerated() {
        if index > 0 { bytes.append(0x2C) }
        JSONString.append(member.name, to: &bytes)
        bytes.append(0x3A)
        member.value.write(to: &bytes)
      }
      bytes.append(0x7D)
    }
  }
}
