/// A table of a FlatBuffers message, read with every offset checked.
///
/// The format is FlatBuffers' own, as far as Arrow's metadata uses it: tables with a table of field
/// offsets in front, scalars in place, everything else behind relative offsets.
struct FlatTable {
  private let bytes: [UInt8]
  private let position: Int
  private let fields: Int
  private let fieldBytes: Int

  /// The root of a message.
  init(root bytes: [UInt8]) throws(ArrowStreamError) {
    try self.init(bytes, at: Int(try Self.load(bytes, at: 0, as: UInt32.self)))
  }

  private init(_ bytes: [UInt8], at position: Int) throws(ArrowStreamError) {
    let back = Int(try Self.load(bytes, at: position, as: Int32.self))
    let fields = position - back
    let fieldBytes = Int(try Self.load(bytes, at: fields, as: UInt16.self))
    guard fieldBytes >= 4, fields + fieldBytes <= bytes.count else { throw .malformed }
    self.bytes = bytes
    self.position = position
    self.fields = fields
    self.fieldBytes = fieldBytes
  }

  private static func load<Number: FixedWidthInteger>(
    _ bytes: [UInt8], at offset: Int, as type: Number.Type
  ) throws(ArrowStreamError) -> Number {
    guard offset >= 0, offset <= bytes.count - MemoryLayout<Number>.size else { throw .malformed }
    return bytes.withUnsafeBytes {
      Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: type))
    }
  }

  /// Where a field's value stands; nil for one that is left out.
  private func place(_ field: Int) throws(ArrowStreamError) -> Int? {
    let entry = 4 + 2 * field
    guard entry + 2 <= fieldBytes else { return nil }
    let offset = Int(try Self.load(bytes, at: fields + entry, as: UInt16.self))
    return offset == 0 ? nil : position + offset
  }

  func number<Number: FixedWidthInteger>(
    _ field: Int, as type: Number.Type, otherwise absent: Number = 0
  ) throws(ArrowStreamError) -> Number {
    guard let place = try place(field) else { return absent }
    return try Self.load(bytes, at: place, as: type)
  }

  func flag(_ field: Int) throws(ArrowStreamError) -> Bool {
    try number(field, as: UInt8.self) != 0
  }

  func table(_ field: Int) throws(ArrowStreamError) -> FlatTable? {
    guard let place = try place(field) else { return nil }
    return try FlatTable(bytes, at: place + Int(try Self.load(bytes, at: place, as: UInt32.self)))
  }

  func text(_ field: Int) throws(ArrowStreamError) -> String? {
    guard let (start, count) = try vector(field, elementBytes: 1) else { return nil }
    return String(decoding: bytes[start..<start + count], as: UTF8.self)
  }

  func tables(_ field: Int) throws(ArrowStreamError) -> [FlatTable] {
    guard let (start, count) = try vector(field, elementBytes: 4) else { return [] }
    var tables: [FlatTable] = []
    for index in 0..<count {
      let place = start + 4 * index
      tables.append(
        try FlatTable(bytes, at: place + Int(try Self.load(bytes, at: place, as: UInt32.self))))
    }
    return tables
  }

  /// A vector of structs of two 64-bit numbers, which is what Arrow's are.
  func pairs(_ field: Int) throws(ArrowStreamError) -> [(Int64, Int64)] {
    guard let (start, count) = try vector(field, elementBytes: 16) else { return [] }
    var pairs: [(Int64, Int64)] = []
    for index in 0..<count {
      let place = start + 16 * index
      pairs.append(
        (
          try Self.load(bytes, at: place, as: Int64.self),
          try Self.load(bytes, at: place + 8, as: Int64.self)
        ))
    }
    return pairs
  }

  private func vector(
    _ field: Int, elementBytes: Int
  ) throws(ArrowStreamError) -> (start: Int, count: Int)? {
    guard let place = try place(field) else { return nil }
    let vector = place + Int(try Self.load(bytes, at: place, as: UInt32.self))
    let count = Int(try Self.load(bytes, at: vector, as: UInt32.self))
    guard count <= (bytes.count - vector - 4) / elementBytes else { throw .malformed }
    return (vector + 4, count)
  }
}

/// Why an Arrow stream cannot be read.
enum ArrowStreamError: Error {
  case malformed
  case cut
  case unsupported(String)
  case tooLarge(String)

  /// Fit for a client.
  var explanation: String {
    switch self {
    case .malformed: "it contradicts itself"
    case .cut: "it ends in the middle"
    case .unsupported(let what): "\(what) is not taken"
    case .tooLarge(let what): "\(what) is too large"
    }
  }
}
