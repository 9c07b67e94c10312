import WorkerProtocol

/// How many workers there are, and what each may take.
package struct WorkerPoolOptions: Sendable {
  /// The program that has the subcommand `query-worker`; an absolute path.
  package var executable: String
  /// A folder of the pool's own; what it holds is removed at start.
  package var temporaryFolder: String
  package var sandboxMode: SandboxMode = .prefer
  /// Uses at most this Landlock ABI; nil for whatever the kernel has.
  package var landlockABILimit: UInt8?
  /// The user that workers become when the server runs as root; nil keeps root.
  package var unprivilegedUserID: UInt32? = 65534

  /// Processes in all, spares among them.
  package var maximumWorkers = 8
  /// Queries of one tenant that run at the same time.
  package var maximumRunningPerTenant = 2
  /// Warm processes that wait for a tenant.
  package var spareWorkers = 1
  package var maximumWaitingPerTenant = 256
  package var maximumWaiting = 4_096

  package var threadsPerWorker = 2
  package var memoryLimitBytes: UInt64 = 1 << 30
  /// The running queries' memory limits together stay under this.
  package var nodeMemoryBytes: UInt64 = 8 << 30
  package var temporaryLimitBytes: UInt64 = 8 << 30
  package var openFileLimit: UInt32 = 4_096

  /// From the end of a query's time, when it is asked to stop, to its process being killed.
  package var graceMs = 1_000
  /// After this long without a query a bound worker ends.
  package var idleMs = 300_000
  /// A query that has waited this long ends idle workers of other tenants.
  package var patienceMs = 100
  package var maximumQueriesPerWorker = 10_000
  /// A worker that takes longer to start or to bind is killed.
  package var birthLimitMs = 15_000
  package var initialBackoffMs = 100.0
  package var maximumBackoffMs = 30_000.0

  /// Starts workers that attempt forbidden operations on request; for tests of the sandbox.
  package var answersProbes = false

  package init(executable: String, temporaryFolder: String) {
    self.executable = executable
    self.temporaryFolder = temporaryFolder
  }

  /// Queries that may run at the same time on this node.
  var maximumRunning: Int {
    max(1, Int(clamping: nodeMemoryBytes / max(1, memoryLimitBytes)))
  }
}

/// The tenant that a worker serves for life, and what it may read.
package struct TenantBinding: Sendable, Hashable {
  package let key: Int64
  /// Absolute folders; made when missing, and not to be removed while a worker is bound.
  package let readableFolders: [String]

  package init(key: Int64, readableFolders: [String]) {
    self.key = key
    self.readableFolders = readableFolders
  }
}
