import DuckDB

/// Writes the cells of one column, or of the children of a nested one.
///
/// A class: as a structure it would be copied, its arrays counted, for each cell.
///
/// `load` takes the pointers of a chunk's vector; they are valid until the chunk's closure ends,
/// and every write happens within it.
final class CellRenderer {
  let kind: CellKind
  let looseJSON: LooseJSON
  let scale: Int
  let arraySize: Int
  /// Of a struct or union: `"name":` for each child.
  let names: [[UInt8]]
  /// Of an enum: each label as a JSON string.
  let labels: [[UInt8]]
  let plainLabels: [String]
  let childTypes: [DuckDBType]
  let children: [CellRenderer]

  private(set) var data: UnsafeRawPointer?
  private(set) var validity: UnsafePointer<UInt64>?
  private(set) var elementCount = 0
  /// Of a union: the position of each row's member.
  private(set) var tags: UnsafeRawPointer?
  /// Kept only for the kinds that are written from values.
  private(set) var vector: DuckDBVector?

  init(_ type: DuckDBType, bigIntsAsStrings: Bool, looseJSON: LooseJSON = .quoted) {
    self.looseJSON = looseJSON
    kind = CellKind(type, bigIntsAsStrings: bigIntsAsStrings)
    var names: [String] = []
    var labels: [String] = []
    var childTypes: [DuckDBType] = []
    var scale = 0
    var arraySize = 0
    switch type {
    case .decimal(_, let digits): scale = digits
    case .enum(let texts): labels = texts
    case .list(let element): childTypes = [element]
    case .array(let element, let size):
      childTypes = [element]
      arraySize = size
    case .struct(let fields), .union(let fields):
      names = fields.map(\.name)
      childTypes = fields.map(\.type)
    case .tuple(let types): childTypes = types
    case .map(let key, let value): childTypes = [key, value]
    default: break
    }
    self.scale = scale
    self.arraySize = arraySize
    self.names = names.map { jsonString($0) + [UInt8(ascii: ":")] }
    self.labels = labels.map { jsonString($0) }
    self.childTypes = childTypes
    plainLabels = labels
    children = childTypes.map {
      CellRenderer($0, bigIntsAsStrings: bigIntsAsStrings, looseJSON: looseJSON)
    }
  }

  func load(_ vector: DuckDBVector) {
    data = vector.data
    validity = vector.validity
    elementCount = vector.count
    switch kind {
    case .list: children[0].load(vector.listChild(childTypes[0]))
    case .array: children[0].load(vector.arrayChild(childTypes[0], size: arraySize))
    case .map, .mapWithTextKeys:
      let (keys, values) = vector.mapChildren(key: childTypes[0], value: childTypes[1])
      children[0].load(keys)
      children[1].load(values)
    case .object, .tuple:
      for index in children.indices {
        children[index].load(vector.structChild(index, childTypes[index]))
      }
    case .union:
      tags = vector.structChild(0, .utinyint).data
      for index in children.indices {
        children[index].load(vector.structChild(index + 1, childTypes[index]))
      }
    case .value: self.vector = vector
    default: break
    }
  }

  /// Forgets the pointers of the chunk.
  func unload() {
    data = nil
    validity = nil
    elementCount = 0
    tags = nil
    vector = nil
    for index in children.indices { children[index].unload() }
  }

  @inline(__always)
  func isNull(_ row: Int) -> Bool {
    guard let validity else { return false }
    return validity[row &>> 6] & (1 &<< UInt64(row & 63)) == 0
  }

  @inline(__always)
  func element<Element: BitwiseCopyable>(_ row: Int, as type: Element.Type = Element.self)
    -> Element
  {
    assert(row >= 0 && row < elementCount)
    return data.unsafelyUnwrapped.load(
      fromByteOffset: row &* MemoryLayout<Element>.stride, as: type)
  }

  /// The bytes of a string or blob: up to 12 stand in the header, more behind a pointer.
  @inline(__always)
  func bytes(_ row: Int) -> UnsafeBufferPointer<UInt8> {
    assert(row >= 0 && row < elementCount)
    let header = data.unsafelyUnwrapped + row &* 16
    let length = Int(header.load(as: UInt32.self))
    let start = length <= 12 ? header + 4 : (header + 8).load(as: UnsafeRawPointer.self)
    return UnsafeBufferPointer(
      start: start.assumingMemoryBound(to: UInt8.self), count: length)
  }

  @inline(__always)
  func listEntry(_ row: Int) -> Range<Int> {
    let entry = element(row, as: DuckDBVector.ListEntry.self)
    return Int(entry.offset)..<Int(entry.offset &+ entry.length)
  }

  func label(_ row: Int) -> Int {
    switch kind {
    case .enum8: Int(element(row, as: UInt8.self))
    case .enum16: Int(element(row, as: UInt16.self))
    default: Int(element(row, as: UInt32.self))
    }
  }
}

/// A text as a JSON string.
func jsonString(_ text: String) -> [UInt8] {
  var buffer = OutputBuffer(capacity: text.utf8.count * 6 + 2)
  var text = text
  text.withUTF8 { buffer.appendJSONString($0) }
  return buffer.withBytes { [UInt8]($0) }
}
