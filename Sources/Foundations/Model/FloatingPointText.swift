/// Whether numbers stay finite as floating-point values.
enum FloatingPointText {
  /// - Parameters:
  ///   - text: a number by JSON's grammar.
  ///   - single: for FLOAT, which DuckDB reads by way of a double.
  static func isFinite(_ text: UnsafeRawBufferPointer, single: Bool) -> Bool {
    let decimal = DecimalText(text)
    if decimal.isZero { return true }
    let largestPower = single ? 38 : 308
    if decimal.highestPower < largestPower { return true }
    guard decimal.highestPower == largestPower,
      let value = Double(String(decoding: text, as: UTF8.self))
    else { return false }
    return single ? Float(value).isFinite : value.isFinite
  }
}
