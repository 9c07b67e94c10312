import Configuration
import HTTPServer
import Model

/// On whose behalf a request is made, and what it may do.
struct Identity: Sendable {
  let tenantName: String
  let roles: Set<AccessRole>
  /// Whether the operator of the whole server asks.
  let isAdministrator: Bool
  /// Whether the tenant is made when it is not there.
  let makesTenant: Bool
}

/// Finds the identity of a request by its credential, or by its header where there are none.
struct Authenticator: Sendable {
  let isRequired: Bool
  let keys: [StaticKey]
  let adminKey: Secret?

  init(_ configuration: ServerConfiguration) {
    isRequired = configuration.isAuthenticationRequired
    keys = configuration.staticKeys
    adminKey = configuration.adminKey
  }

  func identity(of head: HTTPRequestHead) throws(APIError) -> Identity {
    let named = head.headers["X-Tenant-ID"]
    if let named { try checkName(named) }
    let credential = try credential(of: head)
    guard isRequired else {
      if credential != nil && (!keys.isEmpty || adminKey != nil) {
        return try known(credential, named: named)
      }
      return Identity(
        tenantName: named ?? "default", roles: Set(AccessRole.allCases), isAdministrator: true,
        makesTenant: true)
    }
    return try known(credential, named: named)
  }

  private func known(_ credential: [UInt8]?, named: String?) throws(APIError) -> Identity {
    guard let credential else {
      throw APIError(
        401, "UNAUTHENTICATED", "a credential is needed: X-API-Key or Authorization: Bearer",
        fields: [.init("WWW-Authenticate", "Bearer")])
    }
    // Every key is compared, each in a time that does not depend on where it differs.
    var match: StaticKey?
    for key in keys where Self.isEqual(key.key.bytes, credential) { match = key }
    if let match {
      guard named == nil || named == match.tenantId else {
        throw APIError(
          403, "TENANT_MISMATCH", "the credential belongs to another tenant than X-Tenant-ID")
      }
      return Identity(
        tenantName: match.tenantId, roles: match.roles, isAdministrator: false, makesTenant: true)
    }
    if let adminKey, Self.isEqual(adminKey.bytes, credential) {
      return Identity(
        tenantName: named ?? "default", roles: [.opsAdmin], isAdministrator: true,
        makesTenant: false)
    }
    throw APIError(
      401, "UNAUTHENTICATED", "the credential is not known",
      fields: [.init("WWW-Authenticate", "Bearer")])
  }

  private func checkName(_ name: String) throws(APIError) {
    do throws(NameError) {
      try Names.checkTenant(name)
    } catch {
      throw APIError(400, "INVALID_TENANT", error.explanation)
    }
  }

  private func credential(of head: HTTPRequestHead) throws(APIError) -> [UInt8]? {
    let key = head.headers["X-API-Key"]
    var bearer: String?
    if let header = head.headers["Authorization"] {
      let parts = header.split(separator: " ", maxSplits: 1)
      guard parts.count == 2, parts[0].lowercased() == "bearer" else {
        throw APIError(401, "UNAUTHENTICATED", "Authorization must be of the form Bearer KEY")
      }
      bearer = String(parts[1])
    }
    if let key, let bearer, key != bearer {
      throw APIError(401, "UNAUTHENTICATED", "X-API-Key and Authorization contradict each other")
    }
    return (key ?? bearer).map { Array($0.utf8) }
  }

  static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for index in left.indices { difference |= left[index] ^ right[index] }
    return difference == 0
  }
}
