internal import CDuckDB

/// A column, or a part of one, as the Arrow C data interface describes it.
package struct DuckDBArrowField: Sendable, Equatable {
  /// An annotation such as `ARROW:extension:name`.
  package struct Annotation: Sendable, Equatable {
    package let key: String
    package let value: String
  }

  package let name: String
  /// The type in the interface's spelling, such as `l`, `d:18,3` or `+l`.
  package let format: String
  package let isNullable: Bool
  package let areKeysSorted: Bool
  package let annotations: [Annotation]
  package let children: [DuckDBArrowField]
  /// Of a dictionary-encoded column, whose own format is that of its indexes: the values' type, as
  /// a list of one.
  package let dictionary: [DuckDBArrowField]

  init(_ schema: ArrowSchema) {
    name = schema.name.map { String(cString: $0) } ?? ""
    format = schema.format.map { String(cString: $0) } ?? ""
    isNullable = schema.flags & 2 != 0
    areKeysSorted = schema.flags & 4 != 0
    annotations = Self.annotations(schema.metadata)
    children = (0..<Int(schema.n_children)).compactMap { index in
      schema.children?[index].map { DuckDBArrowField($0.pointee) }
    }
    dictionary = schema.dictionary.map { [DuckDBArrowField($0.pointee)] } ?? []
  }

  /// Native 32-bit integers: the number of pairs, then length and bytes of each key and value.
  private static func annotations(_ start: UnsafePointer<CChar>?) -> [Annotation] {
    guard let start else { return [] }
    var position = UnsafeRawPointer(start)
    func integer() -> Int {
      defer { position += 4 }
      return Int(position.loadUnaligned(as: Int32.self))
    }
    func text() -> String {
      let count = integer()
      defer { position += count }
      return String(
        decoding: UnsafeRawBufferPointer(start: position, count: count), as: UTF8.self)
    }
    return (0..<integer()).map { _ in
      let key = text()
      return Annotation(key: key, value: text())
    }
  }
}
