import Foundation
import Glibc
import Runtime
import Sandbox
import Testing
import WorkerPool
import WorkerProtocol

/// Attempts forbidden operations with the system's own calls, from inside a bound worker.
@Suite struct SandboxProbeTests {
  private static func withProbing(
    _ adjustment: PoolAdjustment = .none,
    _ body: (PoolFixture) async throws -> Void
  ) async throws {
    try await PoolFixture.withPool(
      .with { options in
        options.answersProbes = true
        adjustment.apply(&options)
      }
    ) { fixture in
      try await fixture.lake.write("events", of: 1, as: "SELECT 1 AS id")
      try await fixture.lake.write("events", of: 2, as: "SELECT 2 AS id")
      try await body(fixture)
    }
  }

  /// What holds at every Landlock ABI, because the system call filter holds it too.
  private static let processOperations = [
    "tcp", "udp", "unix", "exec", "fork", "ptrace", "peek", "signal-parent", "tgkill-parent",
    "user-namespace", "io-uring", "become-root", "dumpable", "symlink", "chmod",
  ]

  @Test(arguments: [nil, 1, 2, 3] as [UInt8?])
  func aBoundWorkerReachesItsTenantsFilesAndNothingElse(abi: UInt8?) async throws {
    try await Self.withProbing(.with { $0.landlockABILimit = abi }) { fixture in
      let own = fixture.lake.folder(of: 1) + "/events/data-1.parquet"
      let other = fixture.lake.folder(of: 2) + "/events/data-1.parquet"
      let reading = try await fixture.probe("read", own)
      #expect(reading == 0)
      for path in [
        other, "/etc/passwd", fixture.lake.root, fixture.lake.root + "/lake", "/proc/self/environ",
        fixture.lake.folder(of: 1) + "/../schema-2/events/data-1.parquet", "/", "/tmp",
      ] {
        try await fixture.expectRefused("read", path)
        try await fixture.expectRefused("list", path)
      }
      for operation in ["write", "truncate", "unlink"] {
        try await fixture.expectRefused(operation, own)
        try await fixture.expectRefused(operation, other)
      }
      for folder in [fixture.lake.folder(of: 1), fixture.lake.root, "/tmp"] {
        for operation in ["create", "mkdir", "symlink"] {
          try await fixture.expectRefused(operation, folder + "/made")
        }
      }
      for operation in Self.processOperations {
        try await fixture.expectRefused(operation, own)
      }
      try await fixture.expect("SELECT id FROM events", answers: "[1]")
    }
  }

  @Test func aWorkerWritesInItsTemporaryFolder() async throws {
    try await Self.withProbing(.with { $0.spareWorkers = 0 }) { fixture in
      _ = try await fixture.probe("read", "/")
      let workers = fixture.lake.root + "/workers"
      var created = 0
      for folder in try FileManager.default.contentsOfDirectory(atPath: workers)
      where folder.hasPrefix("worker-") {
        if try await fixture.probe("create", "\(workers)/\(folder)/x") == 0 { created += 1 }
      }
      #expect(created == 1)
    }
  }

  @Test func withoutLandlockTheOtherLayersHoldAndAreReported() async throws {
    try await Self.withProbing(
      .with { options in
        options.sandboxMode = .prefer
        options.landlockABILimit = 0
      }
    ) { fixture in
      for operation in Self.processOperations {
        try await fixture.expectRefused(operation, "/etc/passwd")
      }
      let layers = fixture.pool.sandboxReport
      #expect(layers.first { $0.name == "landlock" }?.holds == false)
      #expect(layers.first { $0.name == "seccomp" }?.holds == true)
      try await fixture.expect("SELECT id FROM events", answers: "[1]")
    }
  }

  @Test func aRequiredLayerThatIsMissingStopsThePool() async throws {
    let lake = try Lake()
    var options = WorkerPoolOptions(
      executable: try PoolFixture.executable(), temporaryFolder: lake.root + "/workers")
    options.sandboxMode = .require
    options.landlockABILimit = 0
    let pool = WorkerPool(options: options)
    do {
      try await pool.start()
      Issue.record("the pool started")
    } catch {
      guard case .unavailable(let reason) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(reason.contains("landlock"))
    }
    await pool.stop()
  }

  @Test func switchedOffItStillHasItsLimits() async throws {
    try await Self.withProbing(.with { $0.sandboxMode = .off }) { fixture in
      let layers = fixture.pool.sandboxReport
      #expect(
        layers.filter(\.holds).map(\.name).sorted()
          == ["address_space_limit", "no_new_privileges"])
      #expect(await fixture.failure(of: "SELECT len(range(500000000))") != nil)
    }
  }

  @Test func everyLayerIsReported() async throws {
    try await PoolFixture.withPool { fixture in
      let names = fixture.pool.sandboxReport.map(\.name).sorted()
      #expect(
        names == [
          "address_space_limit", "capabilities", "landlock", "no_new_privileges", "seccomp", "user",
        ])
      let held = fixture.pool.sandboxReport.filter(\.holds).map(\.name)
      #expect(held.contains("landlock") && held.contains("seccomp"))
    }
  }

  @Test func aWorkerNotStartedForProbingEndsWhenProbed() async throws {
    try await PoolFixture.withPool { fixture in
      try await fixture.lake.write("events", of: 1, as: "SELECT 1 AS id")
      await #expect(throws: WorkerError.self) {
        _ = try await fixture.pool.probe(
          "read", path: "/etc/passwd", tenant: fixture.lake.binding(1),
          deadline: SystemMonotonicClock().now.advanced(byMs: 20_000))
      }
      try await fixture.expect("SELECT id FROM events", answers: "[1]")
    }
  }

  @Test func aFolderThatTheOtherUserCannotEnterKeepsTheUser() async throws {
    guard geteuid() == 0 else { return }
    try await Self.withProbing { fixture in
      let layer = fixture.pool.sandboxReport.first { $0.name == "user" }
      #expect(layer?.holds == true)
      chmod(fixture.lake.root, 0o700)
      let answer = try await fixture.run("SELECT id FROM events", tenant: 2)
      #expect(answer.text == "[2]")
      let kept = fixture.pool.sandboxReport.first { $0.name == "user" }
      #expect(kept?.holds == false)
      #expect(kept?.detail.hasPrefix("kept") == true)
    }
  }
}
