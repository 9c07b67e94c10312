/// Growing bytes that a renderer writes and a caller sends.
///
/// Writing has two steps: `reserve` room for the most a value can need, then append without
/// checks. Debug builds check every append against the capacity.
package struct OutputBuffer: ~Copyable {
  private var base: UnsafeMutableRawPointer
  private var capacity: Int
  package private(set) var count = 0

  /// What `removeAll` keeps; a buffer that one huge row has blown up shrinks again.
  package static let keptCapacity = 4 << 20

  package init(capacity: Int = 1 << 18) {
    self.capacity = max(capacity, 1024)
    base = .allocate(byteCount: self.capacity, alignment: 16)
  }

  deinit { base.deallocate() }

  package var isEmpty: Bool { count == 0 }

  /// Lends what has been written.
  package func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(start: base, count: count))
  }

  package mutating func removeAll() {
    count = 0
    if capacity > Self.keptCapacity { resize(to: Self.keptCapacity) }
  }

  /// Appends bytes, making room for them.
  package mutating func append(contentsOf bytes: UnsafeRawBufferPointer) {
    reserve(bytes.count)
    appendReserved(bytes)
  }

  package mutating func append(_ text: StaticString) {
    reserve(text.utf8CodeUnitCount)
    appendReserved(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  package mutating func append(byte: UInt8) {
    reserve(1)
    appendReserved(byte)
  }

  /// Makes room for this many further bytes.
  @inline(__always)
  mutating func reserve(_ additional: Int) {
    if count &+ additional > capacity { grow(additional) }
  }

  @inline(never)
  private mutating func grow(_ additional: Int) {
    resize(to: max(capacity * 2, count + additional))
  }

  private mutating func resize(to newCapacity: Int) {
    let grown = UnsafeMutableRawPointer.allocate(byteCount: newCapacity, alignment: 16)
    grown.copyMemory(from: base, byteCount: count)
    base.deallocate()
    base = grown
    capacity = newCapacity
  }
}

// The unchecked half: each call needs a `reserve` before it.
extension OutputBuffer {
  @inline(__always)
  mutating func appendReserved(_ byte: UInt8) {
    assert(count < capacity)
    base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count &+= 1
  }

  @inline(__always)
  mutating func appendReserved(_ bytes: UnsafeRawBufferPointer) {
    assert(count + bytes.count <= capacity)
    guard let start = bytes.baseAddress else { return }
    (base + count).copyMemory(from: start, byteCount: bytes.count)
    count &+= bytes.count
  }

  @inline(__always)
  mutating func appendReserved(_ text: StaticString) {
    appendReserved(
      UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Lets `body` write up to `limit` bytes at the end; it returns how many it wrote.
  @inline(__always)
  mutating func appendReserved(
    atMost limit: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Int
  ) {
    assert(count + limit <= capacity)
    let written = body((base + count).assumingMemoryBound(to: UInt8.self))
    assert(written <= limit)
    count &+= written
  }

  /// Lends the bytes from `start` on for a change in place, after making room for more of them;
  /// `body` gets their present number and returns the new one.
  mutating func rewrite(
    from start: Int, growingBy additional: Int, _ body: (UnsafeMutablePointer<UInt8>, Int) -> Int
  ) {
    precondition(start >= 0 && start <= count && additional >= 0)
    reserve(additional)
    let old = count - start
    let new = body((base + start).assumingMemoryBound(to: UInt8.self), old)
    precondition(new <= old + additional)
    count = start + new
  }

  func countOccurrences(of byte: UInt8, from start: Int) -> Int {
    withBytes { bytes in bytes[start...].reduce(0) { $0 + ($1 == byte ? 1 : 0) } }
  }
}
