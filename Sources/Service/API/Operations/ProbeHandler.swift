import Catalog
import DuckDB
import HTTPServer
import Model
import ObjectStore
import Observability
import SimdJSON

/// Liveness, readiness, version and limits.
struct ProbeHandler: Sendable {
  let services: APIServices

  func health(_ context: RequestContext) -> HTTPResponse {
    .json(status: 200, context) { writer in
      writer.beginObject()
      writer.member("status", "ok")
      writer.endObject()
    }
  }

  func version(_ context: RequestContext) -> HTTPResponse {
    .json(status: 200, context) { writer in
      writer.beginObject()
      writer.member("version", ProductVersion.text)
      writer.member("engine", "DuckDB \(DuckDBInstance.libraryVersion)")
      writer.member("catalog_format", "DuckLake 1.0")
      writer.endObject()
    }
  }

  struct Component: Sendable {
    let name: String
    let isReady: Bool
    let detail: String
  }

  /// Every component with its state, asked at this moment.
  func components() async -> [Component] {
    var components: [Component] = []
    do {
      _ = try await services.catalog.tenants()
      components.append(Component(name: "catalog", isReady: true, detail: "ok"))
      components.append(Component(name: "schema_cache", isReady: true, detail: "ok"))
    } catch {
      let detail = services.lakeObjection() ?? "unavailable"
      components.append(Component(name: "catalog", isReady: false, detail: detail))
      components.append(Component(name: "schema_cache", isReady: false, detail: "unavailable"))
    }
    do {
      _ = try await services.bus.receipts(for: [])
      components.append(Component(name: "bus", isReady: true, detail: "ok"))
    } catch {
      components.append(Component(name: "bus", isReady: false, detail: "unavailable"))
    }
    components.append(
      Component(
        name: "object_store", isReady: services.storage.isAccepting,
        detail: services.storage.stateText))
    if let coordinator = services.coordinator {
      let trouble = coordinator.trouble
      components.append(
        Component(
          name: "coordinator", isReady: trouble == nil,
          detail: trouble.map { "waiting for: \($0.component)" } ?? "ok"))
    }
    if services.drain.isUnderWay {
      components.append(Component(name: "server", isReady: false, detail: "stopping"))
    }
    return components
  }

  func ready(_ context: RequestContext) async -> HTTPResponse {
    let components = await components()
    let isReady = components.allSatisfy(\.isReady)
    let layers = services.sandboxLayers()
    return .json(status: isReady ? 200 : 503, context) { writer in
      writer.beginObject()
      writer.member("status", isReady ? "ready" : "not_ready")
      writer.name("components")
      writer.beginObject()
      for component in components {
        writer.name(component.name)
        writer.beginObject()
        writer.member("ready", component.isReady)
        writer.member("state", component.detail)
        writer.endObject()
      }
      writer.endObject()
      writer.name("sandbox")
      writer.beginObject()
      for layer in layers { writer.member(layer.name, layer.state) }
      writer.endObject()
      writer.endObject()
    }
  }

  func limits(_ context: RequestContext) -> HTTPResponse {
    let limits = services.limits
    return .json(status: 200, context) { writer in
      writer.beginObject()
      for (name, value) in [
        ("body_bytes", limits.request.bodyBytes),
        ("records_per_request", limits.request.records),
        ("batch_body_bytes", limits.batch.bodyBytes),
        ("batch_record_bytes", limits.batch.recordBytes),
        ("idempotency_key_bytes", limits.request.idempotencyKeyBytes),
        ("json_nesting", limits.request.nestingDepth),
        ("listed_violations", limits.request.listedViolations),
        ("page_size", limits.request.pageSize),
        ("maximum_page_size", limits.request.maximumPageSize),
        ("sql_bytes", limits.query.sqlBytes),
        ("row_limit", limits.query.rowLimit),
        ("maximum_row_limit", limits.query.maximumRowLimit),
        ("buffered_result_bytes", limits.query.bufferedResultBytes),
        ("timeout_ms", limits.query.timeoutMs),
        ("maximum_timeout_ms", limits.query.maximumTimeoutMs),
        ("consistency_timeout_ms", limits.query.consistencyTimeoutMs),
        ("maximum_consistency_timeout_ms", limits.query.maximumConsistencyTimeoutMs),
        ("visibility_timeout_ms", limits.request.visibilityTimeoutMs),
        ("maximum_visibility_timeout_ms", limits.request.maximumVisibilityTimeoutMs),
        ("running_queries_per_tenant", limits.query.runningPerTenant),
        ("waiting_queries_per_tenant", limits.query.waitingPerTenant),
        ("pending_events_per_tenant", limits.publish.pendingEventsPerTenant),
      ] {
        writer.member(name, value)
      }
      writer.endObject()
    }
  }
}

/// The product's version, in one place.
package enum ProductVersion {
  package static let text = "0.1.0"
}
