import Model
import SimdJSON

/// A step from a column into its value.
enum ValuePathStep {
  case element(Int)
  /// The token of a field's name.
  case field(Int)
  /// The token of a map's key.
  case key(Int)
}

/// A nested column of one record.
struct NestedColumn {
  let column: Int
  let recordIndex: Int
}

/// Holds nested values against their type. Everything in them may be null but the keys of maps;
/// fields that an object leaves out are null.
///
/// The recursion ends with the type, which is nested at most `ColumnType.maxNesting` deep.
extension PayloadReader {
  mutating func checkNested(at index: Int, _ shape: ValueShape, of column: NestedColumn) {
    let value = tokens[index]
    if value.kind == .null { return }
    switch shape {
    case .scalar(let type): checkScalar(at: index, type, of: column)
    case .list(let element):
      guard value.kind == .array else { return refuse(value, shape.expectation, of: column) }
      checkElements(of: index, element, of: column)
    case .structure(let structure):
      guard value.kind == .object else { return refuse(value, shape.expectation, of: column) }
      checkFields(of: index, structure, of: column)
    case .object(let element):
      guard value.kind == .object else { return refuse(value, shape.expectation, of: column) }
      checkMembers(of: index, element, of: column)
    case .entries(let key, let element):
      guard value.kind == .array else { return refuse(value, shape.expectation, of: column) }
      checkEntries(of: index, key, element, of: column)
    }
  }

  private mutating func checkScalar(at index: Int, _ type: ScalarType, of column: NestedColumn) {
    let verdict = judge(tokens[index], type)
    switch verdict {
    case .unchanged: break
    case .refused: refuse(tokens[index], type.expectation, of: column)
    default: rewrites.append(Rewrite(token: index, verdict: verdict))
    }
  }

  private mutating func checkElements(
    of array: Int, _ shape: ValueShape, of column: NestedColumn
  ) {
    var index = array + 1
    var position = 0
    while index < tokens[array].next {
      path.append(.element(position))
      checkNested(at: index, shape, of: column)
      path.removeLast()
      position += 1
      index = tokens[index].next
    }
  }

  private mutating func checkFields(
    of object: Int, _ structure: StructureShape, of column: NestedColumn
  ) {
    var name = object + 1
    var guess = 0
    while name < tokens[object].next {
      let field = tokens.withString(of: tokens[name]) { structure.field(named: $0, guess: guess) }
      path.append(.field(name))
      if let field {
        checkNested(at: name + 1, structure.fields[field], of: column)
        guess = field + 1
      } else {
        let near = suggestion(for: tokens[name], among: structure.names)
        refuse(
          tokens[name + 1],
          near.map { "no such field; did you mean \"\($0)\"?" } ?? "no such field", of: column)
      }
      path.removeLast()
      name = tokens[name + 1].next
    }
  }

  /// Two members of one name are refused where contents are hashed.
  private mutating func checkMembers(
    of object: Int, _ shape: ValueShape, of column: NestedColumn
  ) {
    var name = object + 1
    while name < tokens[object].next {
      path.append(.key(name))
      if tokens[name].containsNUL {
        refuse(tokens[name], "a key without U+0000", of: column)
      }
      checkNested(at: name + 1, shape, of: column)
      path.removeLast()
      name = tokens[name + 1].next
    }
  }

  private mutating func checkEntries(
    of array: Int, _ keyType: ScalarType, _ shape: ValueShape, of column: NestedColumn
  ) {
    var keys: Set<[UInt8]> = []
    var index = array + 1
    var position = 0
    while index < tokens[array].next {
      path.append(.element(position))
      checkEntry(at: index, keyType, shape, &keys, of: column)
      path.removeLast()
      position += 1
      index = tokens[index].next
    }
  }

  private mutating func checkEntry(
    at entry: Int, _ keyType: ScalarType, _ shape: ValueShape, _ keys: inout Set<[UInt8]>,
    of column: NestedColumn
  ) {
    let form = "an object with \"key\" and \"value\""
    guard tokens[entry].kind == .object else { return refuse(tokens[entry], form, of: column) }
    var hasKey = false
    var name = entry + 1
    while name < tokens[entry].next {
      path.append(.field(name))
      switch tokens.withString(of: tokens[name], { EntryMember($0) }) {
      case .key:
        hasKey = true
        checkKey(at: name + 1, keyType, &keys, of: column)
      case .value: checkNested(at: name + 1, shape, of: column)
      case nil: refuse(tokens[name + 1], form, of: column)
      }
      path.removeLast()
      name = tokens[name + 1].next
    }
    if !hasKey { refuse(tokens[entry], form, of: column) }
  }

  private mutating func checkKey(
    at index: Int, _ type: ScalarType, _ keys: inout Set<[UInt8]>, of column: NestedColumn
  ) {
    let value = tokens[index]
    guard value.kind != .null, judge(value, type) != .refused else {
      return refuse(value, type.expectation + ", not null", of: column)
    }
    checkScalar(at: index, type, of: column)
    let canonical = tokens.withString(of: value) { type.canonicalKey($0) }
    if !keys.insert(canonical).inserted {
      refuse(value, "keys that each stand once in their map", of: column)
    }
  }

  private mutating func refuse(_ value: JSONToken, _ expected: String, of column: NestedColumn) {
    guard countViolation(column.recordIndex) else { return }
    append(pathText(of: column.column), expected, value, column.recordIndex)
  }

  /// `column.items[3].price`; the keys of maps in brackets and quotes.
  private func pathText(of column: Int) -> String {
    var text = table.schema.columns[column].name
    for step in path {
      switch step {
      case .element(let position): text += "[\(position)]"
      case .field(let name): text += "." + tokens.excerpt(of: tokens[name])
      case .key(let name): text += "[\"\(tokens.excerpt(of: tokens[name]))\"]"
      }
    }
    return text
  }
}

/// The members of an entry of a map.
private enum EntryMember {
  case key, value

  init?(_ name: UnsafeRawBufferPointer) {
    if name.elementsEqual("key".utf8) {
      self = .key
    } else if name.elementsEqual("value".utf8) {
      self = .value
    } else {
      return nil
    }
  }
}

extension ScalarType {
  /// Bytes that two keys of a map have in common exactly if they are equal.
  ///
  /// - Parameter text: of a value that the type takes.
  fileprivate func canonicalKey(_ text: UnsafeRawBufferPointer) -> [UInt8] {
    var bytes: [UInt8] = []
    switch self {
    case .uuid: bytes = text.map { $0 | 0x20 }
    case .varchar, .date: bytes = Array(text)
    default: DecimalText(text).appendPlain(to: &bytes)
    }
    return bytes
  }
}
