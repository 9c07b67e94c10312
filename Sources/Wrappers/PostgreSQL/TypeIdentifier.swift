/// The object identifiers of PostgreSQL's own types, fixed for ever in `pg_type.dat`.
enum TypeIdentifier {
  static let unspecified: UInt32 = 0
  static let bool: UInt32 = 16
  static let bytes: UInt32 = 17
  static let name: UInt32 = 19
  static let int64: UInt32 = 20
  static let int16: UInt32 = 21
  static let int32: UInt32 = 23
  static let text: UInt32 = 25
  static let json: UInt32 = 114
  static let double: UInt32 = 701
  static let varchar: UInt32 = 1043
  static let uuid: UInt32 = 2950
  static let boolArray: UInt32 = 1000
  static let bytesArray: UInt32 = 1001
  static let int32Array: UInt32 = 1007
  static let textArray: UInt32 = 1009
  static let varcharArray: UInt32 = 1015
  static let int64Array: UInt32 = 1016
  static let uuidArray: UInt32 = 2951
}
