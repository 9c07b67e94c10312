/// A value of a statement's parameter, sent in binary with its type.
///
/// `null` has no type of its own: the server takes the type that the statement's text asks for.
package enum PostgreSQLValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case int16(Int16)
  case int32(Int32)
  case int64(Int64)
  case double(Double)
  case text(String)
  case bytes([UInt8])
  /// 16 bytes.
  case uuid([UInt8])
  case bools([Bool])
  case int32s([Int32])
  case int64s([Int64])
  case optionalInt64s([Int64?])
  case texts([String])
  case optionalTexts([String?])
  case byteStrings([[UInt8]])
  /// 16 bytes each, end to end, so that ten thousand keys cost no ten thousand arrays.
  case uuids([UInt8])
}
