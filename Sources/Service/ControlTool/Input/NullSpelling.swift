/// Decides which CSV fields mean NULL: an empty field without quotes, and the given words.
struct NullSpelling: Sendable {
  private let words: [[UInt8]]

  init(_ words: [String]) {
    self.words = words.map { Array($0.utf8) }
  }

  @inline(__always)
  func matches(_ bytes: UnsafeBufferPointer<UInt8>, isQuoted: Bool) -> Bool {
    if bytes.isEmpty, !isQuoted { return true }
    for word in words where word.count == bytes.count {
      if word.elementsEqual(bytes) { return true }
    }
    return false
  }
}
