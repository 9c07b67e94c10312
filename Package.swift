// swift-tools-version: 6.2
// Targets stand in rings (C library → one wrapper each → domain → composition) and, inside the
// domain, in the order in which an event flows: edge, publish, bus, coordinator, catalog, query.
import PackageDescription

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

// libduckdb is installed by scripts/deps under .deps/duckdb (a link when DUCKDB_PREFIX is set).
let duckdbLibraryFolder = Context.packageDirectory + "/.deps/duckdb/lib"
let linkDuckDB: [LinkerSetting] = [
  .unsafeFlags([
    "-L", duckdbLibraryFolder, "-Xlinker", "-rpath", "-Xlinker", duckdbLibraryFolder,
  ])
]

func swiftTarget(
  _ name: String, in folder: String, _ dependencies: [Target.Dependency] = [],
  exclude: [String] = [], linker: [LinkerSetting] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Sources/\(folder)/\(name)", exclude: exclude,
    swiftSettings: strict, linkerSettings: linker)
}

func systemLibrary(_ name: String, package: String? = nil) -> Target {
  .systemLibrary(name: name, path: "Sources/CLibraries/\(name)", pkgConfig: package)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies, path: "Sources/Programs/\(name)",
    swiftSettings: strict, linkerSettings: linkDuckDB)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, path: "Tests/\(name)", swiftSettings: strict,
    linkerSettings: linkDuckDB)
}

let package = Package(
  name: "duckmesh",
  products: [
    .executable(name: "duckmesh", targets: ["duckmesh"]),
    .executable(name: "duckmeshctl", targets: ["duckmeshctl"]),
  ],
  targets: [
    // Ring 1: C libraries, and shims for what Swift cannot call.
    systemLibrary("CDuckDB"),
    systemLibrary("CSQLite", package: "sqlite3"),
    systemLibrary("CPostgreSQL", package: "libpq"),
    systemLibrary("CMicroHTTPD", package: "libmicrohttpd"),
    systemLibrary("CCrypto", package: "libcrypto"),
    systemLibrary("CZstd", package: "libzstd"),
    systemLibrary("CCurl", package: "libcurl"),
    systemLibrary("CZlib", package: "zlib"),
    .target(
      name: "CSimdJSON", path: "Sources/CLibraries/CSimdJSON",
      cxxSettings: [.unsafeFlags(["-O3"])], linkerSettings: [.linkedLibrary("simdjson")]),
    .target(name: "CSandbox", path: "Sources/CLibraries/CSandbox"),
    .target(name: "CEpollWait", path: "Sources/CLibraries/CEpollWait"),

    // Ring 2: exactly one Swift wrapper per C library, free of domain words.
    swiftTarget("DuckDB", in: "Wrappers", ["CDuckDB"]),
    swiftTarget("SQLite", in: "Wrappers", ["CSQLite"]),
    swiftTarget("PostgreSQL", in: "Wrappers", ["CPostgreSQL", "Runtime"]),
    swiftTarget("HTTPServer", in: "Wrappers", ["CMicroHTTPD", "CEpollWait"]),
    swiftTarget("HTTPClient", in: "Wrappers", ["CCurl"]),
    swiftTarget("SimdJSON", in: "Wrappers", ["CSimdJSON"]),
    swiftTarget("Sandbox", in: "Wrappers", ["CSandbox"]),
    swiftTarget("Digest", in: "Wrappers", ["CCrypto"]),
    swiftTarget("Zstd", in: "Wrappers", ["CZstd"]),
    swiftTarget("Zlib", in: "Wrappers", ["CZlib"]),

    // Ring 3, ground floor: what every domain target may use.
    swiftTarget("Runtime", in: "Foundations"),
    swiftTarget("Observability", in: "Foundations", ["Runtime"]),
    swiftTarget("Model", in: "Foundations"),

    // Ring 3, an event on its way in.
    swiftTarget("Edge", in: "Ingest", ["Model", "SimdJSON", "Digest", "Zlib", "Zstd"]),
    swiftTarget("Consistency", in: "Ingest", ["Model"]),
    swiftTarget("IngestBus", in: "Ingest", ["Model", "Consistency", "Zstd"]),
    swiftTarget(
      "Publisher", in: "Ingest",
      ["Model", "Edge", "Consistency", "IngestBus", "Runtime", "Observability"]),

    // Ring 3, the lake: seams, their backends, and who writes it.
    swiftTarget("Catalog", in: "Lake", ["Model", "Consistency", "Runtime"]),
    swiftTarget("ObjectStore", in: "Lake", ["Model", "Runtime"]),
    swiftTarget("LakeTables", in: "Lake", ["Model"]),
    swiftTarget(
      "SQLiteStore", in: "Lake",
      ["Model", "Consistency", "Catalog", "IngestBus", "LakeTables", "SQLite", "Runtime"]),
    swiftTarget(
      "PostgreSQLStore", in: "Lake",
      [
        "Model", "Consistency", "Catalog", "IngestBus", "LakeTables", "PostgreSQL", "Runtime",
        "Observability",
      ]),
    swiftTarget(
      "Coordinator", in: "Lake",
      [
        "Model", "Consistency", "Catalog", "IngestBus", "ObjectStore", "DuckDB", "Sandbox",
        "Rendering", "SimdJSON", "Runtime", "Observability",
      ]),
    swiftTarget(
      "Maintenance", in: "Lake",
      [
        "Model", "Consistency", "Catalog", "IngestBus", "ObjectStore", "Coordinator", "DuckDB",
        "Runtime", "Observability",
      ]),
    swiftTarget(
      "Replayer", in: "Lake",
      [
        "Model", "Consistency", "Catalog", "IngestBus", "Coordinator", "Digest", "Runtime",
        "Observability",
      ]),

    // Ring 3, an answer on its way out.
    swiftTarget("Rendering", in: "Query", ["DuckDB"]),
    swiftTarget("WorkerProtocol", in: "Query"),
    swiftTarget(
      "QueryWorker", in: "Query",
      ["WorkerProtocol", "DuckDB", "Rendering", "Sandbox", "Runtime"]),
    swiftTarget(
      "WorkerPool", in: "Query", ["WorkerProtocol", "Sandbox", "Runtime", "Observability"]),
    swiftTarget(
      "Query", in: "Query",
      [
        "Model", "Consistency", "Catalog", "ObjectStore", "WorkerPool", "WorkerProtocol",
        "Runtime", "Observability",
      ]),

    // Ring 4: composition.
    swiftTarget("Configuration", in: "Service", ["Model", "Observability"]),
    swiftTarget(
      "API", in: "Service",
      [
        "Model", "Edge", "Consistency", "IngestBus", "Publisher", "Catalog", "ObjectStore",
        "Query", "WorkerPool", "WorkerProtocol", "Coordinator", "Maintenance", "Replayer", "DuckDB",
        "HTTPServer", "SimdJSON", "Zlib", "Zstd", "Configuration", "Runtime", "Observability",
      ]),
    swiftTarget(
      "Server", in: "Service",
      [
        "API", "Catalog", "Configuration", "Consistency", "Coordinator", "DuckDB", "HTTPServer",
        "IngestBus", "Maintenance", "Model", "ObjectStore", "Observability", "PostgreSQLStore",
        "Publisher", "Query", "Replayer", "Runtime", "SQLiteStore", "WorkerPool", "WorkerProtocol",
      ]),
    swiftTarget("ControlTool", in: "Service", ["HTTPClient", "Digest", "Zlib"]),
    program("duckmesh", ["Coordinator", "Server", "QueryWorker", "Runtime"]),
    program("duckmeshctl", ["ControlTool"]),
    // Not a product: what `make bench-guard` counts the instructions of.
    .executableTarget(
      name: "HotPaths",
      dependencies: [
        "DuckDB", "Edge", "IngestBus", "Model", "Rendering", "SQLiteStore",
      ], path: "bench/HotPaths", swiftSettings: strict, linkerSettings: linkDuckDB),

    // Tests, in the same order, and what several of them share.
    .target(
      name: "TestSupport", dependencies: ["Runtime"], path: "Tests/TestSupport",
      swiftSettings: strict),
    tests("WrapperTests", ["SQLite", "Digest", "Zstd", "Zlib", "HTTPClient"]),
    tests("PostgreSQLTests", ["PostgreSQL", "Runtime", "TestSupport"]),
    tests("DuckDBTests", ["DuckDB", "Rendering", "TestSupport"]),
    tests("HTTPServerTests", ["HTTPServer"]),
    tests("FoundationTests", ["Runtime", "Observability", "Model", "Configuration"]),
    tests("EdgeTests", ["Model", "Edge", "SimdJSON", "DuckDB", "Digest", "Zstd"]),
    tests("ConsistencyTests", ["Consistency", "Model"]),
    tests("SimulationTests", ["Consistency", "Model"]),
    tests(
      "StoreConformanceTests",
      [
        "SQLiteStore", "PostgreSQLStore", "Catalog", "IngestBus", "Consistency", "LakeTables",
        "Observability", "Replayer", "ObjectStore", "Model", "Runtime", "SQLite", "PostgreSQL",
        "TestSupport", "Zstd",
      ]),
    tests(
      "CoordinatorTests",
      [
        "Coordinator", "Maintenance", "SQLiteStore", "SQLite", "LakeTables", "ObjectStore",
        "DuckDB",
        "Query", "Catalog", "Consistency", "IngestBus", "Publisher", "Model", "Runtime",
        "Observability", "PostgreSQLStore", "TestSupport", "duckmesh",
      ]),
    tests(
      "QueryWorkerTests",
      [
        "QueryWorker", "WorkerPool", "WorkerProtocol", "Sandbox", "DuckDB", "Runtime", "duckmesh",
      ]),
    tests("ControlToolTests", ["ControlTool", "HTTPServer"]),
    tests(
      "ServerTests",
      [
        "API", "Configuration", "HTTPClient", "PostgreSQL", "Runtime", "SimdJSON", "SQLite",
        "TestSupport", "duckmesh", "duckmeshctl",
      ]),
    tests("TidyTests", []),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
