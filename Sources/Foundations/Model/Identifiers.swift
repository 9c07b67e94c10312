/// A tenant's number in the catalog.
package struct TenantID: Hashable, Comparable, Sendable {
  package let rawValue: Int64
  package init(_ rawValue: Int64) { self.rawValue = rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// One incarnation of a table: a table that is dropped and made again gets another.
package struct TableID: Hashable, Comparable, Sendable {
  package let rawValue: Int64
  package init(_ rawValue: Int64) { self.rawValue = rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// The number of a snapshot of the lake; later snapshots have larger numbers.
package struct SnapshotID: Hashable, Comparable, Sendable {
  package let rawValue: Int64
  package init(_ rawValue: Int64) { self.rawValue = rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A place in one tenant's order of accepted events: dense, from 1, in commit order.
///
/// A watermark is a token as well: every event at or below it is visible or dead-lettered.
package struct VisibilityToken: Hashable, Comparable, Sendable {
  package let rawValue: Int64
  package init(_ rawValue: Int64) { self.rawValue = rawValue }
  package static let none = VisibilityToken(0)
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  package func advanced(by count: Int) -> Self { Self(rawValue + Int64(count)) }
}

/// How often a lease has changed hands: a holder with an older epoch is fenced off.
package struct LeaseEpoch: Hashable, Comparable, Sendable {
  package let rawValue: Int64
  package init(_ rawValue: Int64) { self.rawValue = rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  package var next: Self { Self(rawValue + 1) }
}

/// One incarnation of a process that takes leases; never used twice.
package struct OwnerID: Hashable, Sendable {
  package let rawValue: String
  package init(_ rawValue: String) { self.rawValue = rawValue }

  package static func random() -> Self {
    OwnerID(RandomHex.digits(16))
  }
}

/// A commit's own name, by which an unknown outcome is resolved; never used twice.
package struct CommitID: Hashable, Sendable {
  package let rawValue: String
  package init(_ rawValue: String) { self.rawValue = rawValue }

  package static func random() -> Self {
    CommitID(RandomHex.digits(32))
  }
}

/// One upload's staged files; never used twice.
package struct UploadID: Hashable, Sendable {
  package let rawValue: String
  package init(_ rawValue: String) { self.rawValue = rawValue }

  package static func random() -> Self {
    UploadID(RandomHex.digits(32))
  }
}

/// Random names in lowercase hexadecimal.
package enum RandomHex {
  package static func digits(_ count: Int) -> String {
    var generator = SystemRandomNumberGenerator()
    let alphabet = Array("0123456789abcdef".utf8)
    let digits = (0..<count).map { _ in alphabet[Int.random(in: 0..<16, using: &generator)] }
    return String(decoding: digits, as: UTF8.self)
  }
}
