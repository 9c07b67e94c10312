import Consistency
import Model

/// What one coordinator process holds in memory.
struct ModelCoordinator {
  static let flightLimit = 2

  let owner: OwnerID
  var schedule = FlushSchedule(options: .init(filesPerSecond: 20))
  /// With the head that was known when they were taken.
  var inFlight: [Int: Int] = [:]
  var flights: [ModelFlight] = []
  var leases: [Int: LeaseEpoch] = [:]
  var unacknowledged: [Int: Int] = [:]
  var failures: [Int: Int] = [:]
  var ticks = 0
}

/// A flight with what it has at hand between two steps of its protocol.
final class ModelFlight {
  let process: Int
  let life: Int
  let owner: OwnerID
  let tenants: [Int]
  var claims: [ModelClaim] = []
  var flow = FlightProtocol(fences: [], parts: [])
  var parts: [FlightProtocol.Part] = []
  var drafts: [FlightProtocol.Draft: ModelPart] = [:]
  /// Every file it has made.
  var files: [Int] = []
  var commit: ModelCommit?

  var isResolving = false
  var isResolved = false
  var hasEnded = false

  init(process: Int, life: Int, owner: OwnerID, tenants: [Int]) {
    self.process = process
    self.life = life
    self.owner = owner
    self.tenants = tenants
  }

  func files(of drafts: [FlightProtocol.Draft]) -> [Int] {
    drafts.compactMap { self.drafts[$0]?.file }
  }
}
