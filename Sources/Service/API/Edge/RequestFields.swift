import Model
import SimdJSON

/// Reads a JSON request body strictly: unknown members are refused by name, types are checked.
struct RequestFields {
  private let value: JSONValue

  /// - Parameter known: every member that the route understands.
  init(body: [UInt8], known: Set<String>) throws(APIError) {
    do throws(JSONSyntaxError) {
      value = try JSONValue(parsing: body)
    } catch {
      throw .invalidJSON(error)
    }
    guard let members = value.members else {
      throw APIError(400, "INVALID_JSON", "the body must be a JSON object")
    }
    for member in members where !known.contains(member.name) {
      throw .unknownField(member.name, known: known)
    }
  }

  /// A null member counts as absent.
  subscript(name: String) -> JSONValue? {
    guard let member = value[name], member != .null else { return nil }
    return member
  }

  func text(_ name: String) throws(APIError) -> String? {
    guard let member = self[name] else { return nil }
    guard let text = member.text else { throw .invalidField(name, "a string") }
    return text
  }

  func boolean(_ name: String) throws(APIError) -> Bool? {
    guard let member = self[name] else { return nil }
    guard let flag = member.isTrue else { throw .invalidField(name, "true or false") }
    return flag
  }

  /// An integer within bounds; `31.0` is one.
  func integer(_ name: String, minimum: Int64, maximum: Int64) throws(APIError) -> Int64? {
    guard let member = self[name] else { return nil }
    guard let number = member.integer, number >= minimum else {
      throw .invalidField(name, "an integer of at least \(minimum)")
    }
    guard number <= maximum else { throw .limitExceeded(name, maximum: Int(maximum)) }
    return number
  }
}
