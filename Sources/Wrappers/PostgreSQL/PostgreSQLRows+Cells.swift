extension PostgreSQLRows {
  /// Reads a `smallint`, `integer` or `bigint`.
  package func int64(_ row: Int, _ column: Int) -> Int64 {
    optionalInt64(row, column) ?? 0
  }

  package func optionalInt64(_ row: Int, _ column: Int) -> Int64? {
    let types = [TypeIdentifier.int64, TypeIdentifier.int32, TypeIdentifier.int16]
    return withCell(row, column, types) { bytes, type in
      switch type {
      case TypeIdentifier.int64: Int64(bytes.bigEndian(Int64.self))
      case TypeIdentifier.int32: Int64(bytes.bigEndian(Int32.self))
      default: Int64(bytes.bigEndian(Int16.self))
      }
    }
  }

  package func double(_ row: Int, _ column: Int) -> Double {
    optionalDouble(row, column) ?? 0
  }

  package func optionalDouble(_ row: Int, _ column: Int) -> Double? {
    withCell(row, column, [TypeIdentifier.double]) { bytes, _ in
      Double(bitPattern: bytes.bigEndian(UInt64.self))
    }
  }

  package func bool(_ row: Int, _ column: Int) -> Bool {
    optionalBool(row, column) ?? false
  }

  package func optionalBool(_ row: Int, _ column: Int) -> Bool? {
    withCell(row, column, [TypeIdentifier.bool]) { bytes, _ in bytes[0] != 0 }
  }

  /// Reads a `text`, `varchar`, `name` or `json`.
  package func text(_ row: Int, _ column: Int) -> String {
    optionalText(row, column) ?? ""
  }

  package func optionalText(_ row: Int, _ column: Int) -> String? {
    let types = [
      TypeIdentifier.text, TypeIdentifier.varchar, TypeIdentifier.name, TypeIdentifier.json,
    ]
    return withCell(row, column, types) { bytes, _ in String(decoding: bytes, as: UTF8.self) }
  }

  package func bytes(_ row: Int, _ column: Int) -> [UInt8] {
    optionalBytes(row, column) ?? []
  }

  package func optionalBytes(_ row: Int, _ column: Int) -> [UInt8]? {
    withCell(row, column, [TypeIdentifier.bytes]) { bytes, _ in [UInt8](bytes) }
  }

  /// Lends the bytes of a `bytea` without a copy; none for NULL.
  package func withBytes<Value>(
    _ row: Int, _ column: Int, _ body: (UnsafeRawBufferPointer) -> Value
  ) -> Value {
    withCell(row, column, [TypeIdentifier.bytes]) { bytes, _ in body(bytes) }
      ?? body(UnsafeRawBufferPointer(start: nil, count: 0))
  }

  /// The 16 bytes of a `uuid`; none for NULL.
  package func uuid(_ row: Int, _ column: Int) -> [UInt8] {
    optionalUUID(row, column) ?? []
  }

  package func optionalUUID(_ row: Int, _ column: Int) -> [UInt8]? {
    withCell(row, column, [TypeIdentifier.uuid]) { bytes, _ in [UInt8](bytes) }
  }
}

extension UnsafeRawBufferPointer {
  /// The integer at the offset, in the network's byte order.
  func bigEndian<Integer: FixedWidthInteger>(_: Integer.Type, at offset: Int = 0) -> Integer {
    Integer(bigEndian: loadUnaligned(fromByteOffset: offset, as: Integer.self))
  }
}
