import Model

/// The name of a data file: who wrote it, under which lease epoch, and a random part that is never
/// used twice.
package struct DataFileName: Sendable, Equatable {
  package enum Kind: String, Sendable {
    /// Rows and deleted positions, written under a tenant's lease.
    case events, deletes
    /// Rows and deleted positions, written under a table's lease.
    case merge, mergeDeletes

    /// Whether the epoch is that of the tenant's lease, and not of the table's.
    package var isUnderTenantLease: Bool {
      switch self {
      case .events, .deletes: true
      case .merge, .mergeDeletes: false
      }
    }
  }

  package let epoch: LeaseEpoch
  package let kind: Kind
  private let unique: String

  /// - Parameter stagedName: the random name that the file had in staging.
  package init(epoch: LeaseEpoch, kind: Kind, stagedName: String) {
    self.epoch = epoch
    self.kind = kind
    unique = stagedName
  }

  /// - Returns: nil for a name that this program has not given.
  package init?(parsing text: String) {
    let parts = text.split(separator: "-", maxSplits: 2)
    guard parts.count == 3, let kind = Kind(rawValue: String(parts[0])),
      let epoch = Int64(parts[1]), parts[2].hasSuffix(Self.ending)
    else { return nil }
    self.init(epoch: LeaseEpoch(epoch), kind: kind, stagedName: String(parts[2]))
  }

  /// A path in staging beside `path`, which has a random name; each number gives another.
  static func stagedPath(of path: String, extendedBy number: Int64) -> String {
    let stem = path.hasSuffix(ending) ? String(path.dropLast(ending.count)) : path
    return "\(stem)-\(number)\(ending)"
  }

  private static let ending = ".parquet"

  package var text: String { "\(kind.rawValue)-\(epoch.rawValue)-\(unique)" }
}
