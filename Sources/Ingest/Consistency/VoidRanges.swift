import Model

/// The tokens of one tenant that no event has or ever will have.
///
/// They are recorded when a restored catalog is adopted: tokens beyond the restored head may have
/// been issued in the life that was lost, so all of them are skipped. Ranges are ascending, apart
/// (at least one token lies between two of them), and lie wholly above a watermark or wholly at or
/// below it: a commit that reaches the token before a range steps over the range.
package struct VoidRanges: Sendable, Equatable {
  package struct Range: Sendable, Equatable {
    package let first: VisibilityToken
    package let last: VisibilityToken

    package init(first: VisibilityToken, last: VisibilityToken) {
      precondition(first <= last, "a range has a token")
      self.first = first
      self.last = last
    }

    var count: Int64 { last.rawValue - first.rawValue + 1 }
  }

  package static let none = VoidRanges([])

  private let ranges: [Range]

  package init(_ ranges: [Range]) { self.ranges = ranges.sorted { $0.first < $1.first } }

  package var isEmpty: Bool { ranges.isEmpty }

  package func contains(_ token: VisibilityToken) -> Bool {
    ranges.contains { $0.first <= token && token <= $0.last }
  }

  /// How many of the tokens after `from` and up to `to` are void.
  package func count(after from: VisibilityToken, through to: VisibilityToken) -> Int64 {
    ranges.reduce(0) { total, range in
      let first = max(range.first.rawValue, from.rawValue + 1)
      let last = min(range.last.rawValue, to.rawValue)
      return total + max(0, last - first + 1)
    }
  }

  /// Where a watermark is that has reached `token`: there, or at the end of the range that begins
  /// right after it.
  package func landing(_ token: VisibilityToken) -> VisibilityToken {
    ranges.first { $0.first == token.advanced(by: 1) }?.last ?? token
  }
}
