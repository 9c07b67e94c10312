import IngestBus
import Model

/// One client request on its way to the bus.
///
/// A class, because it passes through queues and groups by the thousand: one reference is copied
/// there instead of its parts.
package final class Submission: Sendable {
  package let tenant: TenantID
  package let request: PublishRequest
  /// The same records with their keys and payloads, in the same order.
  package let run: EventRun

  package init(tenant: TenantID, request: PublishRequest, run: EventRun) {
    precondition(request.records.count == run.records.count)
    self.tenant = tenant
    self.request = request
    self.run = run
    byteCount = run.records.reduce(128) { $0 + $1.payload.count + $1.idempotencyKey.count + 96 }
  }

  /// What it costs in memory while it waits, roughly.
  package let byteCount: Int
}

/// Why a submission was not acknowledged. Whether it is durable is unknown only where it says so;
/// sending it again is always safe.
package enum PublisherError: Error, Equatable, Sendable {
  /// As much as allowed waits already.
  case queueFull
  case unavailable(reason: String)
  case storageFull
  case outcomeUnknown
  case stopped
}

extension PublisherError {
  init(_ error: BusError) {
    self =
      switch error {
      case .outcomeUnknown: .outcomeUnknown
      case .storageFull: .storageFull
      case .unavailable(let reason), .damaged(let reason): .unavailable(reason: reason)
      case .closed: .stopped
      }
  }
}
