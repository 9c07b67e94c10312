import Glibc

/// The kernel refused something.
package struct SandboxError: Error, Equatable, CustomStringConvertible {
  /// The errno value.
  package let code: Int32

  package init(code: Int32) {
    self.code = code
  }

  /// The system's words for the code, in lower case.
  package var description: String {
    guard let text = strerror(code) else { return "error \(code)" }
    return String(cString: text).lowercased()
  }

  /// Turns the C library's convention (negative is -errno) into an error.
  @discardableResult
  static func check(_ result: Int32) throws(SandboxError) -> Int32 {
    guard result >= 0 else { throw SandboxError(code: -result) }
    return result
  }
}
