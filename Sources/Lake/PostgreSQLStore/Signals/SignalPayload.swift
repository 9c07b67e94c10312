import Catalog
import Model

/// The text of a notification (`SQLFunction+Signals` has the grammar).
enum SignalPayload {
  /// Demands in one payload; more are sent in the next one.
  static let demandLimit = 150

  static func encode(demands: [(tenant: TenantID, token: VisibilityToken)]) -> String {
    demands.reduce(into: "d") { text, demand in
      text += " \(demand.tenant.rawValue):\(demand.token.rawValue)"
    }
  }

  /// - Returns: `.missed` for what a newer program may have sent and this one cannot read.
  static func decode(_ payload: String) -> [LakeSignal] {
    let words = payload.split(separator: " ")
    switch words.first {
    case "c":
      guard words.count > 1, let snapshot = Int64(words[1]), let pairs = pairs(words.dropFirst(2))
      else { return [.missed] }
      return [
        .committed(
          pairs.map {
            .init(
              tenant: TenantID($0), watermark: VisibilityToken($1), snapshot: SnapshotID(snapshot))
          })
      ]
    case "d":
      guard let pairs = pairs(words.dropFirst()) else { return [.missed] }
      return pairs.map { .demanded(tenant: TenantID($0), token: VisibilityToken($1)) }
    case "t":
      let tenants = words.dropFirst().map { Int64($0) }
      guard !tenants.contains(nil) else { return [.missed] }
      return tenants.compactMap { $0 }.map { .tablesChanged(tenant: TenantID($0)) }
    case "r":
      return [.released]
    default:
      return [.missed]
    }
  }

  private static func pairs(_ words: ArraySlice<Substring>) -> [(Int64, Int64)]? {
    var pairs: [(Int64, Int64)] = []
    for word in words {
      let parts = word.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 2, let name = Int64(parts[0]), let value = Int64(parts[1]) else {
        return nil
      }
      pairs.append((name, value))
    }
    return pairs
  }
}
