/// Decides which CSV fields mean NULL: an empty field without quotes, and the given words.
package struct NullSpelling: Sendable {
  /// The words one after another, and where each ends: no reference is counted for each field.
  private let bytes: [UInt8]
  private let ends: [Int]

  package init(_ words: [String]) {
    bytes = words.flatMap(\.utf8)
    var end = 0
    ends = words.map { word in
      end += word.utf8.count
      return end
    }
  }

  package func matches(_ field: UnsafeBufferPointer<UInt8>, isQuoted: Bool) -> Bool {
    if field.isEmpty, !isQuoted { return true }
    var start = 0
    for end in ends {
      if end - start == field.count, equals(field, wordAt: start) { return true }
      start = end
    }
    return false
  }

  private func equals(_ field: UnsafeBufferPointer<UInt8>, wordAt start: Int) -> Bool {
    for index in 0..<field.count where field[index] != bytes[start + index] { return false }
    return true
  }
}
