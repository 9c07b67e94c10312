import Model
import Observability

/// What one process does.
package enum ServerRole: String, CaseIterable, Sendable {
  case api
  case query
  case coordinator
  case maintenance
}

/// Where the catalog is.
package enum CatalogLocation: Sendable, Equatable {
  /// A database of SQLite's in the data folder.
  case embedded
  /// A URI that may hold a password.
  case postgreSQL(Secret)
}

/// Which ingest bus there is; always the one in the catalog's database.
package enum BusBackend: String, CaseIterable, Sendable {
  case sqlite
  case postgres
}

/// Whether a starting server may migrate the catalog.
package enum CatalogMigration: String, CaseIterable, Sendable {
  case auto
  case off
}

/// Whether query workers run without the layers of their sandbox.
package enum SandboxRequirement: String, CaseIterable, Sendable {
  case require
  case prefer
  case off
}

/// Everything that `duckmesh serve` can be told, checked.
package struct ServerConfiguration: Sendable, Equatable {
  package let listenAddress: ListenAddress
  package let dataFolder: String
  package let catalog: CatalogLocation
  package let catalogMigration: CatalogMigration
  package let objectStoreFolder: String
  package let roles: Set<ServerRole>
  package let logLevel: LogLevel
  package let isAuthenticationRequired: Bool
  package let staticKeys: [StaticKey]
  package let adminKey: Secret?
  package let sandbox: SandboxRequirement
  package let limits: Limits
  /// `DUCKMESH_…` variables of the environment that mean nothing here, for a warning: orchestrators
  /// set such variables of their own, so they are no error.
  package let unknownVariables: [String]

  /// Reads flags over environment over defaults.
  ///
  /// - Parameters:
  ///   - arguments: those after `duckmesh serve`.
  ///   - processorCount: what settings that follow the machine are resolved with.
  ///   - memoryBytes: of the machine.
  /// - Throws: all problems at once, each with the name of its variable.
  package init(
    arguments: [String], environment: [String: String], processorCount: Int, memoryBytes: Int
  ) throws(ConfigurationError) {
    var values = SettingValues(arguments: arguments, environment: environment)
    let address = ServerConfiguration.listenAddress(&values)
    let isLoopback = address?.isLoopback ?? true
    dataFolder = values["DUCKMESH_DATA_DIR"] ?? "./duckmesh-data"
    catalog = ServerConfiguration.catalog(&values)
    catalogMigration =
      values.choice("DUCKMESH_CATALOG_MIGRATE", of: CatalogMigration.self) ?? .auto
    ServerConfiguration.checkBus(&values, catalog: catalog)
    objectStoreFolder = ServerConfiguration.objectStore(&values, dataFolder: dataFolder)
    roles = ServerConfiguration.roles(&values, catalog: catalog)
    logLevel = values.choice("DUCKMESH_LOG_LEVEL", of: LogLevel.self) ?? .info
    staticKeys =
      values["DUCKMESH_STATIC_KEYS"].map { StaticKey.parseList($0, into: &values) } ?? []
    adminKey = ServerConfiguration.adminKey(&values)
    isAuthenticationRequired = ServerConfiguration.authentication(
      &values, isLoopback: isLoopback,
      hasCredentials: values["DUCKMESH_STATIC_KEYS"] != nil || adminKey != nil)
    sandbox =
      values.choice("DUCKMESH_SANDBOX", of: SandboxRequirement.self)
      ?? (isLoopback ? .prefer : .require)
    limits = ServerConfiguration.limits(
      &values, processorCount: processorCount, memoryBytes: memoryBytes)
    unknownVariables = values.unknownVariables
    guard let address, values.problems.isEmpty else {
      throw ConfigurationError(problems: values.problems)
    }
    listenAddress = address
  }

  private static func listenAddress(_ values: inout SettingValues) -> ListenAddress? {
    let text = values["DUCKMESH_HTTP_ADDR"] ?? "127.0.0.1:8080"
    if let address = ListenAddress(text) { return address }
    values.refuse(
      "DUCKMESH_HTTP_ADDR", "must be an IP address or localhost and a port, not \"\(text)\"")
    return nil
  }

  private static func catalog(_ values: inout SettingValues) -> CatalogLocation {
    guard let text = values["DUCKMESH_CATALOG_DSN"], text != "sqlite" else { return .embedded }
    if !["postgres://", "postgresql://"].contains(where: text.hasPrefix) {
      // Not repeated in the message: it may hold a password.
      values.refuse("DUCKMESH_CATALOG_DSN", "must be empty, sqlite or begin with postgres://")
    }
    return .postgreSQL(Secret(text))
  }

  private static func checkBus(_ values: inout SettingValues, catalog: CatalogLocation) {
    let needed: BusBackend = catalog == .embedded ? .sqlite : .postgres
    guard let bus = values.choice("DUCKMESH_BUS", of: BusBackend.self), bus != needed else {
      return
    }
    values.refuse(
      "DUCKMESH_BUS",
      "must be \(needed.rawValue) or empty with this DUCKMESH_CATALOG_DSN: events and catalog are"
        + " committed together")
  }

  private static func objectStore(_ values: inout SettingValues, dataFolder: String) -> String {
    guard let location = values["DUCKMESH_OBJECT_STORE"] else { return dataFolder }
    let path = location.dropFirst("file://".count)
    if !location.hasPrefix("file://") || path.isEmpty {
      values.refuse(
        "DUCKMESH_OBJECT_STORE", "this build keeps files in a folder only: file:// and a path")
    }
    return String(path)
  }

  private static func roles(
    _ values: inout SettingValues, catalog: CatalogLocation
  ) -> Set<ServerRole> {
    let all = Set(ServerRole.allCases)
    guard let text = values["DUCKMESH_ROLES"] else { return all }
    var roles: Set<ServerRole> = []
    for name in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let role = ServerRole(rawValue: String(name)) else {
        let known = ServerRole.allCases.map(\.rawValue).joined(separator: ", ")
        values.refuse("DUCKMESH_ROLES", "\"\(name)\" is not one of \(known)")
        return all
      }
      roles.insert(role)
    }
    guard roles != all else { return roles }
    if catalog == .embedded {
      values.refuse(
        "DUCKMESH_ROLES", "the embedded catalog belongs to one process, which needs all roles")
    } else if values["DUCKMESH_OBJECT_STORE"] == nil {
      values.refuse(
        "DUCKMESH_OBJECT_STORE",
        "needed when this process has not all roles: file:// and a folder that all processes share")
    }
    return roles
  }

  private static func adminKey(_ values: inout SettingValues) -> Secret? {
    guard let text = values["DUCKMESH_ADMIN_KEY"] else { return nil }
    if !StaticKey.isKey(text) {
      values.refuse("DUCKMESH_ADMIN_KEY", "has spaces or characters beyond ASCII")
    }
    return Secret(text)
  }

  private static func authentication(
    _ values: inout SettingValues, isLoopback: Bool, hasCredentials: Bool
  ) -> Bool {
    let explicit = values.boolean("DUCKMESH_AUTH_REQUIRED")
    let isRemoteAllowed = values.boolean("DUCKMESH_ALLOW_UNAUTHENTICATED_REMOTE") ?? false
    let isRequired = explicit ?? (hasCredentials || !(isLoopback || isRemoteAllowed))
    if isRequired && !hasCredentials {
      values.refuse(
        "DUCKMESH_STATIC_KEYS",
        explicit == nil
          ? "needed to listen beyond loopback (or set DUCKMESH_ALLOW_UNAUTHENTICATED_REMOTE)"
          : "needed when authentication is required")
    }
    if !isRequired && !isLoopback && !isRemoteAllowed {
      values.refuse(
        "DUCKMESH_AUTH_REQUIRED",
        "cannot be false beyond loopback unless DUCKMESH_ALLOW_UNAUTHENTICATED_REMOTE is true")
    }
    return isRequired
  }
}
