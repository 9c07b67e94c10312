import Glibc
import Runtime

/// What the kernel says about this process, read from /proc.
package struct ProcessStatistics: Sendable {
  package let residentMemoryBytes: Int
  package let virtualMemoryBytes: Int
  package let cpuSeconds: Double
  package let openFiles: Int
  package let maximumOpenFiles: Int
  package let threads: Int

  /// Nil where /proc is not mounted.
  package static func read() -> ProcessStatistics? {
    guard let line = contents(of: "/proc/self/stat"), let openFiles = countOpenFiles() else {
      return nil
    }
    // The second field is the program's name in parentheses and may itself hold any of these.
    guard let end = line.lastIndex(of: ")") else { return nil }
    let fields = line[line.index(after: end)...].split(separator: " ")
    // proc(5) counts from 1 and names the first field behind the name number 3.
    func field(_ number: Int) -> Int? {
      fields.indices.contains(number - 3) ? Int(fields[number - 3]) : nil
    }
    guard
      let userTicks = field(14), let systemTicks = field(15), let threads = field(20),
      let virtualBytes = field(23), let residentPages = field(24)
    else { return nil }
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return ProcessStatistics(
      residentMemoryBytes: residentPages * sysconf(Int32(_SC_PAGESIZE)),
      virtualMemoryBytes: virtualBytes,
      cpuSeconds: Double(userTicks + systemTicks) / Double(sysconf(Int32(_SC_CLK_TCK))),
      openFiles: openFiles, maximumOpenFiles: Int(clamping: limit.rlim_cur), threads: threads)
  }

  private static func contents(of path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var buffer = [UInt8](repeating: 0, count: 4_096)
    let count = Glibc.read(file, &buffer, buffer.count)
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
  }

  private static func countOpenFiles() -> Int? {
    guard let folder = opendir("/proc/self/fd") else { return nil }
    defer { closedir(folder) }
    var count = 0
    while let entry = readdir(folder) {
      if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
    }
    // The folder's own descriptor is among them.
    return max(count - 1, 0)
  }
}

extension DuckMeshMetrics.Process {
  /// A collector of what concerns the process as a whole.
  ///
  /// - Parameter version: of the product; `engineVersion`: of DuckDB.
  package func collector(
    version: String, engineVersion: String, logger: Logger, clock: any MonotonicClock
  ) -> @Sendable (inout MetricSamples) -> Void {
    let start = clock.now
    return { [self] samples in
      samples.set(buildInfo, 1, labels: version, engineVersion)
      samples.set(uptimeSeconds, (clock.now - start).milliseconds / 1_000)
      samples.set(logLinesDropped, logger.droppedLines)
      guard let statistics = ProcessStatistics.read() else { return }
      samples.set(residentMemoryBytes, statistics.residentMemoryBytes)
      samples.set(virtualMemoryBytes, statistics.virtualMemoryBytes)
      samples.set(cpuSeconds, statistics.cpuSeconds)
      samples.set(openFiles, statistics.openFiles)
      samples.set(maximumOpenFiles, statistics.maximumOpenFiles)
      samples.set(threads, statistics.threads)
    }
  }
}
