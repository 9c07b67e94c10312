import Model

/// A nested column's type as the edge walks it.
indirect enum ValueShape: Sendable {
  case scalar(ScalarType)
  case list(ValueShape)
  case structure(StructureShape)
  /// A map whose keys are strings: an object.
  case object(ValueShape)
  /// A map of other keys: an array of objects with `key` and `value`.
  case entries(key: ScalarType, value: ValueShape)

  init(_ type: ColumnType) {
    self =
      switch type {
      case .scalar(let scalar): .scalar(scalar)
      case .list(let element): .list(ValueShape(element))
      case .structure(let fields): .structure(StructureShape(fields))
      case .map(.varchar, let value): .object(ValueShape(value))
      case .map(let key, let value): .entries(key: key, value: ValueShape(value))
      }
  }

  /// As `ColumnType.expectation`.
  var expectation: String {
    switch self {
    case .scalar(let type): type.expectation
    case .list: ColumnType.list(.json).expectation
    case .structure: ColumnType.structure([]).expectation
    case .object: ColumnType.map(key: .varchar, value: .json).expectation
    case .entries(let key, _): ColumnType.map(key: key, value: .json).expectation
    }
  }
}

/// The fields of a structure.
// Sendable: everything is written in init and only read from then on.
final class StructureShape: @unchecked Sendable {
  let fields: [ValueShape]
  let names: [String]
  private let index: NameIndex

  init(_ fields: [StructureField]) {
    self.fields = fields.map { ValueShape($0.type) }
    names = fields.map(\.name)
    index = NameIndex(names)
  }

  deinit { index.deallocate() }

  func field(named name: UnsafeRawBufferPointer, guess: Int) -> Int? {
    index.index(of: name, guess: guess)
  }
}
