import Observability
import WorkerPool
import WorkerProtocol

/// What the query workers tell operators.
extension Composition {
  static func log(_ event: WorkerPoolEvent, _ logger: Logger) {
    switch event {
    case .birthFailed(let reason):
      logger.error(
        "query worker not started", errorCode: "WORKER_NOT_STARTED", [.detail: LogValue(reason)])
    case .workerRefused(let reason):
      logger.error(
        "query worker refused to serve", errorCode: "WORKER_REFUSED", [.reason: LogValue(reason)])
    }
  }

  static func collect(
    _ pool: WorkerPool, _ metrics: DuckMeshMetrics, _ samples: inout MetricSamples
  ) {
    let statistics = pool.statistics
    samples.set(metrics.query.running, statistics.running)
    samples.set(metrics.workers.started, statistics.workersStarted)
    samples.set(metrics.workers.lost, statistics.workersLost)
    samples.set(metrics.query.waiting, statistics.waiting)
    samples.set(metrics.workers.count, statistics.spares, labels: "spare")
    samples.set(metrics.workers.count, statistics.running, labels: "busy")
    samples.set(
      metrics.workers.count,
      max(0, statistics.workers - statistics.spares - statistics.running), labels: "idle")
  }

  static func layers(of pool: WorkerPool) -> [(name: String, state: String, holds: Bool)] {
    pool.sandboxReport.map {
      ($0.name, $0.holds ? "holds: \($0.detail)" : "off: \($0.detail)", $0.holds)
    }
  }
}
