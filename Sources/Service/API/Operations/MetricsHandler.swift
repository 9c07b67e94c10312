import Catalog
import HTTPServer
import Model
import Observability
import Query
import Runtime

/// `GET /v1/metrics` in Prometheus' text form.
struct MetricsHandler: Sendable {
  let services: APIServices

  func expose(_ context: RequestContext) async -> HTTPResponse {
    let accounts = (try? await services.catalog.accounts()) ?? []
    let files = try? await services.catalog.fileCounts()
    let backlog = (try? await services.bus.backlog()) ?? []
    let components = await ProbeHandler(services: services).components()
    let layers = services.sandboxLayers()
    let metrics = services.metrics
    let now = SystemTime.nowMicroseconds
    let free = services.storage.freeBytes
    let text = services.registry.render { samples in
      for account in accounts {
        samples.set(
          metrics.accounting,
          EventAccounting(
            acknowledged: account.acknowledged, applied: account.counts.applied,
            superseded: account.counts.superseded, noOp: account.counts.noOperation,
            deadLettered: account.counts.deadLettered,
            discarded: account.discarded, pending: account.pending),
          tenant: account.tenantName)
        samples.set(
          metrics.freshness.latestVisibilityToken, account.watermark.rawValue,
          labels: account.tenantName)
        samples.set(
          metrics.freshness.ingestLagEvents, account.pending, labels: account.tenantName)
        let oldest = backlog.first { $0.tenant == account.tenant }?.oldestPublishedAt
        samples.set(
          metrics.freshness.visibilityLagMs,
          oldest.map { max(0, (now - $0.microseconds) / 1_000) } ?? 0, labels: account.tenantName)
      }
      for (tenant, count) in files?.mostLiveFiles ?? [:] {
        samples.set(metrics.maintenance.liveFiles, count, labels: tenant)
      }
      if let files {
        samples.set(metrics.maintenance.filesAwaitingDeletion, files.awaitingDeletion)
      }
      for component in components {
        samples.set(
          metrics.process.componentReady, component.isReady ? 1 : 0, labels: component.name)
      }
      for layer in layers {
        samples.set(metrics.workers.sandboxLayers, layer.holds ? 1 : 0, labels: layer.name)
      }
      if let free { samples.set(metrics.process.storageFreeBytes, free) }
    }
    return HTTPResponse(
      status: 200,
      fields: [
        .init("Content-Type", MetricRegistry.contentType),
        .init("X-Trace-ID", context.traceID),
      ], body: text)
  }
}

/// The time of day for what people read.
enum SystemTime {
  static var nowMicroseconds: Int64 { SystemWallClock().nowMicroseconds }
}
