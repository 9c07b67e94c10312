import Model

/// Finds names among a few that were known from the start.
///
/// Its memory belongs to whoever made it, who calls `deallocate` once.
struct NameIndex: BitwiseCopyable {
  private struct Name {
    let offset: Int
    let length: Int
  }

  private let names: UnsafeBufferPointer<Name>
  private let letters: UnsafeBufferPointer<UInt8>
  /// Open addressing; a free slot is -1.
  private let slots: UnsafeBufferPointer<Int32>

  /// - Parameter names: each once.
  init(_ names: [String]) {
    var letters: [UInt8] = []
    self.names = Self.keep(
      names.map { name in
        defer { letters.append(contentsOf: name.utf8) }
        return Name(offset: letters.count, length: name.utf8.count)
      })
    self.letters = Self.keep(letters)
    slots = Self.keep(Self.slots(for: names.map { Array($0.utf8) }))
  }

  func deallocate() {
    names.deallocate()
    letters.deallocate()
    slots.deallocate()
  }

  static func keep<T: BitwiseCopyable>(_ elements: [T]) -> UnsafeBufferPointer<T> {
    let copy = UnsafeMutableBufferPointer<T>.allocate(capacity: elements.count)
    _ = copy.initialize(from: elements)
    return UnsafeBufferPointer(copy)
  }

  private static func slots(for names: [[UInt8]]) -> [Int32] {
    var size = 8
    while size < names.count * 4 { size *= 2 }
    var slots = [Int32](repeating: -1, count: size)
    for (index, name) in names.enumerated() {
      var slot = name.withUnsafeBytes { hash($0) } & (size - 1)
      while slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
      slots[slot] = Int32(index)
    }
    return slots
  }

  // FNV-1a. Names are chosen by the table's owner, so nobody else can make them collide.
  private static func hash(_ name: UnsafeRawBufferPointer) -> Int {
    var hash: UInt32 = 2_166_136_261
    for byte in name { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    return Int(hash ^ hash >> 15)
  }

  /// The place of exactly this name, guessing that names come in their order.
  @inline(__always)
  func index(of name: UnsafeRawBufferPointer, guess: Int) -> Int? {
    if guess < names.count, isName(name, at: guess) { return guess }
    return index(of: name)
  }

  private func index(of name: UnsafeRawBufferPointer) -> Int? {
    guard name.count <= Names.maxLength else { return nil }
    let mask = slots.count - 1
    var slot = Self.hash(name) & mask
    while slots[slot] >= 0 {
      let index = Int(slots[slot])
      if isName(name, at: index) { return index }
      slot = (slot + 1) & mask
    }
    return nil
  }

  @inline(__always)
  private func isName(_ text: UnsafeRawBufferPointer, at index: Int) -> Bool {
    let name = names[index]
    guard text.count == name.length else { return false }
    var position = 0
    while position < text.count {
      if text[position] != letters[name.offset + position] { return false }
      position += 1
    }
    return true
  }
}
