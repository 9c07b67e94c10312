import Foundation
import Glibc
import Runtime
import TestSupport
import Testing

/// The disk is full while clients write, and has room again later.
@Suite struct FullDiskTests {
  /// A way to give the server a small disk of its own.
  private enum SmallDisk {
    /// A file system in memory that only the server sees.
    case mounted
    /// No file may grow beyond a size; needs no right at all.
    case fileSize

    static let megabytes = 40

    /// Starts the server on it.
    var launcher: [String] {
      switch self {
      case .mounted:
        Self.namespace
          + [
            "/bin/sh", "-c",
            """
            mkdir -p "$DUCKMESH_DATA_DIR" &&
            mount -t tmpfs -o size=\(Self.megabytes)m none "$DUCKMESH_DATA_DIR" && exec "$@"
            """, "sh",
          ]
      case .fileSize:
        // Writing beyond the limit is to be an error, not a signal.
        ["/bin/sh", "-c", "trap '' XFSZ; ulimit -S -f \(6 << 11); exec \"$@\"", "sh"]
      }
    }

    private static let namespace = ["/usr/bin/unshare", "--user", "--map-root-user", "--mount"]

    static func best() async throws -> SmallDisk {
      let folder = try TemporaryFolder()
      let trial = try await ChildProcess(
        namespace[0],
        Array(namespace.dropFirst()) + ["/bin/mount", "-t", "tmpfs", "none", folder.path],
        environment: [:], output: "/dev/null")
      return await trial.end() == .exited(0) ? .mounted : .fileSize
    }
  }

  @Test func aFullDiskLosesNothingAndRecovers() async throws {
    let disk = try await SmallDisk.best()
    let settings = [
      "DUCKMESH_FREE_SPACE_FLOOR_BYTES": "0", "DUCKMESH_SANDBOX": "off",
      "DUCKMESH_COMPACTION_INTERVAL_MS": "3600000", "DUCKMESH_FLUSH_INTERVAL_MS": "20",
    ]
    try await ServerProcess.with(settings, launcher: disk.launcher) { server in
      let witness = Witness(paddingBytes: 20_000)
      try await witness.prepare(server)
      await witness.writeUntilTheEnd(of: server, clients: 2, limit: 20, waits: true)
      try await Self.fill(disk, server)
      // Clients write on until they have been refused for long enough to be sure of it.
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<4 {
          group.addTask {
            var refused = 0
            for _ in 0..<100_000 where refused < 20 {
              let key = witness.newKey(of: number)
              if try await witness.write(key, client: number, to: server) == nil { refused += 1 }
            }
          }
        }
        try await group.waitForAll()
      }
      let refusals = witness.refusals
      #expect(refusals.allSatisfy { $0.hasPrefix("503") }, "\(refusals)")
      if case .mounted = disk { #expect(refusals.contains("503 STORAGE_FULL"), "\(refusals)") }
      try await server.client().get("/v1/health").expect(200)

      try await Self.release(disk, server)
      try await eventually("ingest recovers") {
        try await witness.write(
          witness.newKey(of: 9), client: 9, to: server, waits: true) != nil
      }
      try await witness.expectEverythingOnce(server)
      try await witness.expectClean(server)
    }
  }

  private static func ballast(_ server: ServerProcess) -> String {
    "/proc/\(server.pid)/root\(server.dataFolder)/ballast"
  }

  /// Takes what is left of the disk but a little.
  private static func fill(_ disk: SmallDisk, _ server: ServerProcess) async throws {
    guard case .mounted = disk else { return }
    let path = ballast(server)
    try await offPool {
      var status = statvfs()
      try #require(statvfs((path as NSString).deletingLastPathComponent, &status) == 0)
      let free = Int(status.f_bavail) * Int(status.f_frsize)
      let size = max(0, free - (2 << 20))
      try #require(
        FileManager.default.createFile(
          atPath: path, contents: Data(repeating: 1, count: size)))
    }
  }

  private static func release(_ disk: SmallDisk, _ server: ServerProcess) async throws {
    switch disk {
    case .mounted: try #require(unlink(ballast(server)) == 0)
    case .fileSize:
      let lift = try await ChildProcess(
        "/usr/bin/prlimit", ["--pid", String(server.pid), "--fsize=unlimited"],
        environment: [:], output: "/dev/null")
      try #require(await lift.end() == .exited(0))
    }
  }
}
