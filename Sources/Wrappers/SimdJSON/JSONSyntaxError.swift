import CSimdJSON

/// Why a text is not JSON that this wrapper takes.
@usableFromInline package struct JSONSyntaxError: Error, Equatable, Sendable {
  package enum Reason: Sendable {
    case empty
    case invalidUTF8
    case invalidString
    case invalidNumber
    case invalidSyntax
    case tooDeep
    case tooManyTokens
    case tooLong
    case duplicateMember
    case outOfMemory
  }

  package let reason: Reason
  /// The byte of the text at which the trouble was noticed; 0 when that is not known.
  package let position: Int

  package init(_ reason: Reason, position: Int) {
    self.reason = reason
    self.position = position
  }

  /// Fit for a client: names no value of the text.
  package var explanation: String {
    switch reason {
    case .empty: "the text is empty"
    case .invalidUTF8: "the text is not UTF-8"
    case .invalidString:
      """
      a string is not closed, or holds a control character, a wrong escape or half a surrogate \
      pair
      """
    case .invalidNumber: "a number is not written as JSON has it"
    case .invalidSyntax: "the text is not well-formed JSON"
    case .tooDeep: "objects and arrays are nested too deep"
    case .tooManyTokens: "there are too many values"
    case .tooLong: "the text is too long"
    case .duplicateMember: "an object has two members of the same name"
    case .outOfMemory: "there was not enough memory to read the text"
    }
  }

  init?(_ result: csj_result) {
    let reason: Reason
    switch result.status {
    case CSJ_OK: return nil
    case CSJ_EMPTY: reason = .empty
    case CSJ_BAD_UTF8: reason = .invalidUTF8
    case CSJ_BAD_STRING: reason = .invalidString
    case CSJ_BAD_NUMBER: reason = .invalidNumber
    case CSJ_TOO_DEEP: reason = .tooDeep
    case CSJ_TOO_MANY_TOKENS: reason = .tooManyTokens
    case CSJ_TOO_LONG: reason = .tooLong
    case CSJ_DUPLICATE_MEMBER: reason = .duplicateMember
    case CSJ_OUT_OF_MEMORY: reason = .outOfMemory
    default: reason = .invalidSyntax
    }
    self.init(reason, position: result.position)
  }
}
