/// A window over a source that always holds the record under way from its first byte.
final class RecordBuffer {
  /// A longer record is refused: one unclosed quote must not read a whole file into memory.
  static let maximumRecordBytes = 16 * 1_048_576

  /// How long a stream gives nothing before what was read of it is sent as it is.
  private static let idleMs: Int32 = 200

  private let source: ByteSource
  private var storage: UnsafeMutableBufferPointer<UInt8>
  /// Where the next record starts.
  private(set) var start = 0
  /// Up to where the bytes are filled.
  private(set) var end = 0
  private(set) var hasEnded = false
  /// Bytes of the source before `start`.
  private(set) var consumedByteCount = 0

  init(_ source: ByteSource, byteCount: Int) {
    self.source = source
    storage = .allocate(capacity: byteCount)
  }

  deinit {
    storage.deallocate()
  }

  /// What is held, from index 0; valid until the next `fill`.
  var contents: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: storage[..<end])
  }

  func consume(to position: Int) {
    consumedByteCount += position - start
    start = position
  }

  /// Reads more behind what is held; moves the record under way to index 0 first.
  ///
  /// - Returns: false when it would be longer than the limit.
  /// - Throws: `unreadableInput`.
  func fill() throws(ToolFailure) -> Bool {
    moveToFront()
    if end == storage.count {
      guard storage.count < Self.maximumRecordBytes else { return false }
      let larger = UnsafeMutableBufferPointer<UInt8>.allocate(
        capacity: min(storage.count * 2, Self.maximumRecordBytes))
      _ = larger.update(fromContentsOf: storage)
      storage.deallocate()
      storage = larger
    }
    let room = UnsafeMutableRawBufferPointer(
      rebasing: UnsafeMutableRawBufferPointer(storage)[end...])
    let count = try source.read(into: room)
    end += count
    hasEnded = count == 0
    return true
  }

  /// Whether nothing of a line's length is held and the source, a stream, gives nothing just now.
  var isWaiting: Bool {
    !contents[start...].contains(0x0A) && source.isIdle(forMs: Self.idleMs)
  }

  /// Passes a byte order mark at the very start.
  ///
  /// - Throws: `unreadableInput`.
  func skipByteOrderMark() throws(ToolFailure) {
    while end < 3, !hasEnded { _ = try fill() }
    if end >= 3, storage[0] == 0xEF, storage[1] == 0xBB, storage[2] == 0xBF { consume(to: 3) }
  }

  private func moveToFront() {
    guard start > 0, let base = storage.baseAddress else { return }
    let held = UnsafeMutableRawBufferPointer(start: base, count: end - start)
    held.copyMemory(from: UnsafeRawBufferPointer(start: base + start, count: end - start))
    end -= start
    start = 0
  }
}
