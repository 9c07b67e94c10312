/// Bytes that must not appear in a log, a description or an error.
package struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  package let bytes: [UInt8]

  package init(_ text: some StringProtocol) {
    bytes = Array(text.utf8)
  }

  package var description: String { "[secret]" }
  package var debugDescription: String { "[secret]" }
  /// Dumping shows nothing either.
  package var customMirror: Mirror { Mirror(self, children: []) }
}
