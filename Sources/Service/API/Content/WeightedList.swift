/// A header that lists choices by their weight, as `Accept` and `Accept-Encoding` do (RFC 9110,
/// section 12.4.2).
package struct WeightedList {
  package struct Item: Equatable {
    /// In lower case, without parameters.
    package let name: String
    /// Thousandths: 0 refuses.
    package let weight: Int
  }

  /// In the order of the header.
  package let items: [Item]

  /// A weight that is none refuses: nobody has asked for it clearly.
  package init(_ header: String) {
    items = header.split(separator: ",").compactMap { element in
      let parts = element.split(separator: ";", omittingEmptySubsequences: false)
        .map { $0.trimmed }
      guard let name = parts.first, !name.isEmpty else { return nil }
      var weight = 1_000
      for parameter in parts.dropFirst() {
        let pair = parameter.split(separator: "=", maxSplits: 1).map { $0.trimmed }
        if pair.count == 2, pair[0].lowercased() == "q" { weight = Self.thousandths(pair[1]) ?? 0 }
      }
      return Item(name: name.lowercased(), weight: weight)
    }
  }

  package func weight(of name: String) -> Int? {
    items.first { $0.name == name }?.weight
  }

  /// `0.5` is 500; nil unless it is a number from 0 to 1 with at most three decimals.
  private static func thousandths(_ text: Substring) -> Int? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard let whole = parts.first, whole == "0" || whole == "1", parts.count <= 2 else {
      return nil
    }
    let decimals = parts.count == 2 ? parts[1] : ""
    guard decimals.count <= 3, decimals.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return nil
    }
    let padded = String(decimals) + String(repeating: "0", count: 3 - decimals.count)
    guard let fraction = Int(padded), whole == "0" || fraction == 0 else { return nil }
    return whole == "1" ? 1_000 : fraction
  }
}

extension Substring {
  /// Without the blanks around it.
  fileprivate var trimmed: Substring {
    let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
    guard let start = firstIndex(where: { !isBlank($0) }),
      let end = lastIndex(where: { !isBlank($0) })
    else { return "" }
    return self[start...end]
  }
}
