/// What a credential may do.
package enum AccessRole: String, CaseIterable, Sendable {
  case ingestWriter = "ingest_writer"
  case queryReader = "query_reader"
  case tableAdmin = "table_admin"
  case opsAdmin = "ops_admin"
}

/// An API key of the configuration, the tenant it speaks for and what it may do.
package struct StaticKey: Sendable, Equatable {
  package let key: Secret
  package let tenantId: String
  package let roles: Set<AccessRole>

  /// Reads `key:tenant:role|role,…`. Problems name the place in the list, never the key.
  static func parseList(_ text: String, into values: inout SettingValues) -> [StaticKey] {
    var keys: [StaticKey] = []
    for (index, entry) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated()
    {
      func refuse(_ problem: String) {
        values.refuse("DUCKMESH_STATIC_KEYS", "entry \(index + 1) \(problem)")
      }
      let parts = entry.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 3 else {
        refuse("is not of the form key:tenant:role|role")
        continue
      }
      guard isKey(parts[0]) else {
        refuse("has an empty key or one with spaces or characters beyond ASCII")
        continue
      }
      guard isTenantId(parts[1]) else {
        refuse("has a tenant that is not [a-z0-9][a-z0-9_-]{0,62}, or a reserved name")
        continue
      }
      let names = parts[2].split(separator: "|", omittingEmptySubsequences: false)
      let roles = names.compactMap { AccessRole(rawValue: String($0)) }
      guard roles.count == names.count else {
        let known = AccessRole.allCases.map(\.rawValue).joined(separator: ", ")
        refuse("has a role that is not one of \(known)")
        continue
      }
      let key = Secret(parts[0])
      guard !keys.contains(where: { $0.key == key }) else {
        refuse("repeats an earlier key")
        continue
      }
      keys.append(StaticKey(key: key, tenantId: String(parts[1]), roles: Set(roles)))
    }
    return keys
  }

  static func isKey(_ text: some StringProtocol) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }

  private static func isTenantId(_ text: Substring) -> Bool {
    guard !["main", "information_schema", "pg_catalog"].contains(text) else { return false }
    guard (1...63).contains(text.utf8.count) else { return false }
    return text.utf8.enumerated().allSatisfy { index, byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
      case UInt8(ascii: "_"), UInt8(ascii: "-"): index > 0
      default: false
      }
    }
  }
}
