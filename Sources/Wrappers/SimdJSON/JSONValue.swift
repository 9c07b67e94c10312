/// A JSON value of an API request; for small texts, not for the ingest path.
package enum JSONValue: Equatable, Sendable {
  case null
  case boolean(Bool)
  /// The number as it was written.
  case number(String)
  case string(String)
  case array([JSONValue])
  /// Members in the order in which they stood; no name stands twice.
  case object([Member])

  package struct Member: Equatable, Sendable {
    package let name: String
    package let value: JSONValue
    package init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  private static let parsers = JSONParserPool()

  /// Reads a whole text.
  ///
  /// - Throws: `JSONSyntaxError`, also for a member that stands twice in one object.
  package init(parsing bytes: [UInt8]) throws(JSONSyntaxError) {
    let value: Result<JSONValue, JSONSyntaxError> = bytes.withUnsafeBytes { text in
      Self.parsers.withTokens(of: text) { result in
        result.flatMap { tokens in
          Result { () throws(JSONSyntaxError) in try JSONValue(reading: tokens, at: 0) }
        }
      }
    }
    self = try value.get()
  }

  /// Reads the value that starts at a token.
  ///
  /// - Throws: `.duplicateMember`.
  package init(reading tokens: JSONTokens, at index: Int) throws(JSONSyntaxError) {
    let token = tokens[index]
    switch token.kind {
    case .null: self = .null
    case .false: self = .boolean(false)
    case .true: self = .boolean(true)
    case .integer, .real:
      self = .number(String(decoding: tokens.bytes(of: token), as: UTF8.self))
    case .string: self = .string(tokens.string(of: token))
    case .array:
      var elements: [JSONValue] = []
      var element = index + 1
      while element < token.next {
        elements.append(try JSONValue(reading: tokens, at: element))
        element = tokens[element].next
      }
      self = .array(elements)
    case .object:
      var members: [Member] = []
      var names: Set<String> = []
      var name = index + 1
      while name < token.next {
        let text = tokens.string(of: tokens[name])
        // Swift holds strings of different code points equal when they look the same.
        guard names.insert(text).inserted || !members.contains(where: { $0.isNamed(text) }) else {
          throw JSONSyntaxError(.duplicateMember, position: tokens[name].offset)
        }
        members.append(Member(text, try JSONValue(reading: tokens, at: name + 1)))
        name = tokens[name + 1].next
      }
      self = .object(members)
    }
  }
}

extension JSONValue.Member {
  func isNamed(_ other: String) -> Bool { name.utf8.elementsEqual(other.utf8) }
}

extension JSONValue {
  /// The value of an object's member, or nil.
  package subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.isNamed(name) }?.value
  }

  package var members: [Member]? {
    guard case .object(let members) = self else { return nil }
    return members
  }

  package var elements: [JSONValue]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }

  package var text: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  package var isTrue: Bool? {
    guard case .boolean(let value) = self else { return nil }
    return value
  }

  /// The number, if its exact value is an integer of 64 bits; `31.0` and `3.1e1` are 31.
  package var integer: Int64? {
    guard case .number(let text) = self else { return nil }
    if let value = Int64(text) { return value }
    return JSONNumber.exactInteger(text)
  }
}
