/// Why gzip data cannot be read.
package enum GzipError: Error, Sendable, Equatable {
  /// The bytes are not gzip data, or a checksum does not fit.
  case corrupt
  /// The data ends inside a member.
  case truncated
  case outOfMemory
}
