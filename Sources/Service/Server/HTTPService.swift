import API
import Configuration
import Foundation
import HTTPServer
import Observability
import Runtime
import WorkerPool

/// The HTTP server as a service: it starts last and stops first.
final class HTTPService: Service {
  let name = "http"
  private let configuration: ServerConfiguration
  private let handler: APIHandler
  private let drain: Drain
  private let folder: DataFolder
  private let clock: any MonotonicClock
  private let metrics: DuckMeshMetrics
  private let registry: MetricRegistry
  private let logger: Logger
  private let server = Lock<HTTPServer?>(nil)

  init(
    configuration: ServerConfiguration, handler: APIHandler, drain: Drain, folder: DataFolder,
    clock: any MonotonicClock, metrics: DuckMeshMetrics, registry: MetricRegistry, logger: Logger
  ) {
    self.drain = drain
    self.clock = clock
    self.configuration = configuration
    self.handler = handler
    self.folder = folder
    self.metrics = metrics
    self.registry = registry
    self.logger = logger
  }

  func start(shutdown: Shutdown) async throws {
    let limits = configuration.limits
    var options = HTTPServerOptions()
    options.address = configuration.listenAddress.host
    options.port = Int(configuration.listenAddress.port)
    options.threads = ProcessInfo.processInfo.activeProcessorCount
    options.maxConnections = limits.server.connections
    options.idleTimeoutSeconds = limits.server.idleConnectionSeconds
    options.receiveDeadlineMs = limits.server.requestReadTimeoutMs
    options.maxBodyBytes = limits.request.bodyBytes
    options.maxStreamedBodyBytes = limits.batch.bodyBytes
    let started = try HTTPServer(options: options, hooks: handler.hooks)
    server.withLock { $0 = started }
    registry.addCollector { [metrics] samples in
      samples.set(metrics.http.connections, started.openConnections)
      metrics.http.inFlight.set(started.requestsInFlight)
    }
    let host = configuration.listenAddress.isIPv6 ? "[\(started.address)]" : started.address
    let address = "http://\(host):\(started.port)"
    folder.writeAddress(address)
    logger.info("listening", [.address: LogValue(address)])
    greet(address)
  }

  /// A line for people: the log is for machines, and goes to the standard error.
  private func greet(_ address: String) {
    guard isatty(STDOUT_FILENO) == 1 else { return }
    let text = "duckmesh serves on \(address), data in \(folder.path); Ctrl-C stops it\n"
    FileHandle.standardOutput.write(Data(text.utf8))
  }

  func run(shutdown: Shutdown) async throws {
    await shutdown.wait()
    // First the word, then the deed: a balancer that asks has time to look elsewhere.
    drain.begin()
    let delayMs = configuration.limits.server.drainDelayMs
    if delayMs > 0 { try? await clock.sleep(for: .milliseconds(delayMs)) }
    folder.removeAddress()
    guard let server = server.withLock({ $0 }) else { return }
    let graceSeconds = Double(configuration.limits.server.shutdownGraceMs) / 1_000
    let report = await server.stop(graceSeconds: graceSeconds)
    if report.cancelledRequests > 0 {
      logger.warning(
        "requests cancelled at the end", errorCode: "SHUTDOWN_CANCELLED",
        [.recordCount: LogValue(report.cancelledRequests)])
    }
  }
}

/// The query workers as a service.
struct WorkerPoolService: Service {
  let name = "query-workers"
  private let pool: WorkerPool

  init(_ pool: WorkerPool) { self.pool = pool }

  func start(shutdown: Shutdown) async throws { try await pool.start() }

  func run(shutdown: Shutdown) async throws {
    await shutdown.wait()
    await pool.stop()
  }
}
