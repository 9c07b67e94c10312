import Configuration
import Model
import Testing

@Suite struct ConfigurationTests {
  private func configuration(
    _ arguments: [String] = [], _ environment: [String: String] = [:]
  ) throws -> ServerConfiguration {
    try ServerConfiguration(
      arguments: arguments, environment: environment, processorCount: 6, memoryBytes: 8 << 30)
  }

  private func problems(
    _ arguments: [String] = [], _ environment: [String: String] = [:]
  ) throws -> [ConfigurationProblem] {
    let error = #expect(throws: ConfigurationError.self) {
      try configuration(arguments, environment)
    }
    return try #require(error).problems
  }

  @Test func nothingNeedsToBeSet() throws {
    let configuration = try configuration()
    #expect(configuration.listenAddress.description == "127.0.0.1:8080")
    #expect(configuration.dataFolder == "./duckmesh-data")
    #expect(configuration.objectStoreFolder == "./duckmesh-data")
    #expect(configuration.roles == Set(ServerRole.allCases))
    #expect(!configuration.isAuthenticationRequired)
    #expect(configuration.sandbox == .prefer)
    #expect(configuration.limits.query.runningPerTenant == 6)
    #expect(configuration.limits.workers.threads == 4)
    #expect(configuration.limits.workers.nodeMemoryBytes == 4 << 30)
    #expect(configuration.limits.request == Limits.Request())
  }

  @Test func everyDefaultIsInItsRangeAndEveryFlagIsItsOwn() throws {
    let limits = try configuration().limits
    for case (let setting, .number(let number)) in Setting.all.map({ ($0, $0.kind) }) {
      #expect(number.range.contains(number.value(in: limits)), "\(setting.variable)")
    }
    #expect(Set(Setting.all.map(\.variable)).count == Setting.all.count)
    #expect(Set(Setting.all.compactMap(\.flag)).count == Setting.all.count - 3)
  }

  /// Two settings of one number, or a number that no setting reaches, would show here.
  @Test func everyNumberReachesItsOwnLimit() throws {
    var seen: [Limits] = []
    for case (let setting, .number(let number)) in Setting.all.map({ ($0, $0.kind) }) {
      var limits = Limits()
      number.set(987_654_321, in: &limits)
      #expect(limits != Limits() && !seen.contains(limits), "\(setting.variable)")
      seen.append(limits)
    }
    let numbers = Mirror(reflecting: Limits()).children
      .map { Mirror(reflecting: $0.value).children.count }.reduce(0, +)
    #expect(seen.count == numbers)
  }

  @Test func aFlagWinsOverItsVariable() throws {
    let configuration = try configuration(
      ["--http-addr=127.0.0.1:0", "--max-body-bytes", "1MiB", "--auth-required=false"],
      ["DUCKMESH_HTTP_ADDR": "127.0.0.1:1", "DUCKMESH_ROW_LIMIT": "7", "DUCKMESH_DATA_DIR": ""])
    #expect(configuration.listenAddress.port == 0)
    #expect(configuration.limits.request.bodyBytes == 1 << 20)
    #expect(configuration.limits.query.rowLimit == 7)
    #expect(configuration.dataFolder == "./duckmesh-data")
  }

  @Test(arguments: [
    ("DUCKMESH_HTTP_ADDR", "8080"), ("DUCKMESH_HTTP_ADDR", "example.org:80"),
    ("DUCKMESH_HTTP_ADDR", "127.0.0.1:65536"), ("DUCKMESH_HTTP_ADDR", "::1:80"),
    ("DUCKMESH_CATALOG_DSN", "mysql://u:p@h/d"), ("DUCKMESH_BUS", "kafka"),
    ("DUCKMESH_BUS", "postgres"), ("DUCKMESH_CATALOG_MIGRATE", "maybe"),
    ("DUCKMESH_CATALOG_CONNECTIONS", "1"), ("DUCKMESH_DRAIN_DELAY_MS", "-1"),
    ("DUCKMESH_OBJECT_STORE", "s3://bucket"), ("DUCKMESH_OBJECT_STORE", "file://"),
    ("DUCKMESH_ROLES", "api"), ("DUCKMESH_ROLES", "api,,query"), ("DUCKMESH_LOG_LEVEL", "loud"),
    ("DUCKMESH_SANDBOX", "maybe"), ("DUCKMESH_AUTH_REQUIRED", "yes"),
    ("DUCKMESH_MAX_BODY_BYTES", "-1"), ("DUCKMESH_MAX_BODY_BYTES", "32MB"),
    ("DUCKMESH_MAX_BODY_BYTES", "99999999999999999999"), ("DUCKMESH_MAX_BODY_BYTES", "9999999GiB"),
    ("DUCKMESH_QUERY_TIMEOUT_MS", "1e3"), ("DUCKMESH_QUERY_TIMEOUT_MS", "0"),
    ("DUCKMESH_QUERY_TIMEOUT_MS", "300001"), ("DUCKMESH_HEARTBEAT_MS", "1501"),
    ("DUCKMESH_DELETION_GRACE_SECONDS", "301"), ("DUCKMESH_STATIC_KEYS", "k:t"),
    ("DUCKMESH_STATIC_KEYS", "k:T:query_reader"), ("DUCKMESH_STATIC_KEYS", "k:main:query_reader"),
    ("DUCKMESH_STATIC_KEYS", "k:t:reader"), ("DUCKMESH_STATIC_KEYS", "k:t:"),
    ("DUCKMESH_STATIC_KEYS", ":t:ops_admin"), ("DUCKMESH_STATIC_KEYS", "k:t:ops_admin,"),
    ("DUCKMESH_STATIC_KEYS", "k:t:ops_admin,k:u:ops_admin"), ("DUCKMESH_ADMIN_KEY", "a b"),
  ])
  func aWrongValueIsRefusedByName(variable: String, value: String) throws {
    let problems = try problems([], [variable: value])
    #expect(problems.map(\.name) == [variable])
  }

  @Test func theGraceOutlastsTheLongestReadByAtLeastASecond() throws {
    let configuration = try configuration([], ["DUCKMESH_DELETION_GRACE_SECONDS": "363"])
    #expect(configuration.limits.maintenance.deletionGraceSeconds == 363)
  }

  @Test func allProblemsAreToldAtOnce() throws {
    let problems = try problems(
      ["--nonsense", "1"], ["DUCKMESH_ROW_LIMIT": "x", "DUCKMESH_BUS": "kafka"])
    #expect(Set(problems.map(\.name)) == ["--nonsense", "DUCKMESH_ROW_LIMIT", "DUCKMESH_BUS"])
  }

  @Test func flagsAreCheckedForFormToo() throws {
    #expect(try problems(["serve"]).map(\.name) == ["arguments"])
    #expect(try problems(["--row-limit"]).map(\.name) == ["DUCKMESH_ROW_LIMIT"])
    #expect(
      try problems(["--row-limit", "1", "--row-limit=2"]).map(\.name) == ["DUCKMESH_ROW_LIMIT"])
  }

  @Test func variablesThatMeanNothingAreListed() throws {
    let configuration = try configuration([], ["DUCKMESH_ROWLIMIT": "1", "HOME": "/"])
    #expect(configuration.unknownVariables == ["DUCKMESH_ROWLIMIT"])
  }

  @Test func credentialsTurnAuthenticationOn() throws {
    let configuration = try configuration(
      [], ["DUCKMESH_STATIC_KEYS": "s3cret:acme:ingest_writer|query_reader,other:b-2:ops_admin"])
    #expect(configuration.isAuthenticationRequired)
    #expect(configuration.staticKeys.count == 2)
    let first = try #require(configuration.staticKeys.first)
    #expect(first.key.bytes == Array("s3cret".utf8))
    #expect(first.tenantId == "acme")
    #expect(first.roles == [.ingestWriter, .queryReader])
  }

  @Test func beyondLoopbackTheSafeChoicesAreTheDefaults() throws {
    let remote = ["DUCKMESH_HTTP_ADDR": "0.0.0.0:8080"]
    #expect(try problems([], remote).map(\.name) == ["DUCKMESH_STATIC_KEYS"])
    #expect(
      try problems(["--auth-required=false"], remote).map(\.name) == ["DUCKMESH_AUTH_REQUIRED"])
    let keyed = try configuration(
      [], remote.merging(["DUCKMESH_ADMIN_KEY": "k"]) { $1 })
    #expect(keyed.isAuthenticationRequired)
    #expect(keyed.sandbox == .require)
    let open = try configuration(["--allow-unauthenticated-remote"], remote)
    #expect(!open.isAuthenticationRequired)
    #expect(open.sandbox == .require)
  }

  @Test(arguments: [
    ("127.0.0.1:1", true), ("127.9.9.9:1", true), ("localhost:1", true), ("[::1]:1", true),
    ("[0:0:0:0:0:0:0:1]:1", true), (":1", false), ("0.0.0.0:1", false), ("[::]:1", false),
    ("10.0.0.1:1", false), ("[::ffff:10.0.0.1]:1", false),
  ])
  func loopbackIsRecognised(text: String, isLoopback: Bool) throws {
    #expect(try #require(ListenAddress(text)).isLoopback == isLoopback)
  }

  @Test func secretsAppearNowhere() throws {
    let secret = "very-s3cret"
    let configuration = try configuration(
      [],
      [
        "DUCKMESH_STATIC_KEYS": "\(secret):t:ops_admin", "DUCKMESH_ADMIN_KEY": secret + "2",
        "DUCKMESH_CATALOG_DSN": "postgres://u:\(secret)@h/d",
      ])
    var dumped = ""
    dump(configuration, to: &dumped)
    for text in [dumped, "\(configuration)", String(reflecting: configuration)] {
      #expect(!text.contains(secret))
    }
    let failing = try [
      problems([], ["DUCKMESH_STATIC_KEYS": "\(secret):t"]),
      problems([], ["DUCKMESH_STATIC_KEYS": "\(secret):t:ops_admin,\(secret):t:ops_admin"]),
      problems([], ["DUCKMESH_ADMIN_KEY": "\(secret) x"]),
      problems(["--admin-key=\(secret)"]),
      problems([], ["DUCKMESH_CATALOG_DSN": "mysql://u:\(secret)@h/d"]),
      problems(["--catalog-dsn=postgres://u:\(secret)@h/d"]),
    ]
    #expect(!failing.joined().map(\.description).joined().contains(secret))
    #expect(
      Setting.all.filter { $0.flag == nil }.map(\.variable) == [
        "DUCKMESH_CATALOG_DSN", "DUCKMESH_STATIC_KEYS", "DUCKMESH_ADMIN_KEY",
      ])
  }

  private static let server = ["DUCKMESH_CATALOG_DSN": "postgres://u@h/d?schema=lake"]

  @Test func rolesCanBeSplitOverOneDatabaseServer() throws {
    let alone = try configuration([], Self.server)
    #expect(alone.catalog == .postgreSQL(Secret("postgres://u@h/d?schema=lake")))
    #expect(alone.roles == Set(ServerRole.allCases) && alone.objectStoreFolder == "./duckmesh-data")
    #expect(alone.catalogMigration == .auto)
    let shared = Self.server.merging(["DUCKMESH_OBJECT_STORE": "file:///shared"]) { $1 }
    for role in ServerRole.allCases {
      let one = try configuration(["--roles", role.rawValue, "--bus=postgres"], shared)
      #expect(one.roles == [role] && one.objectStoreFolder == "/shared")
    }
    #expect(try configuration(["--catalog-migrate=off"], shared).catalogMigration == .off)
  }

  @Test func splitRolesNeedFilesThatAllProcessesShare() throws {
    #expect(try problems(["--roles=api"], Self.server).map(\.name) == ["DUCKMESH_OBJECT_STORE"])
    #expect(try problems(["--bus=sqlite"], Self.server).map(\.name) == ["DUCKMESH_BUS"])
    // The embedded catalog stays one process's whatever the files are.
    let files = ["DUCKMESH_OBJECT_STORE": "file:///shared"]
    #expect(try problems(["--roles=api,query"], files).map(\.name) == ["DUCKMESH_ROLES"])
  }
}
