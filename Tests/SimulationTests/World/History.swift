import Consistency
import Model

/// One simulated history: processes that run the production protocols over a model store, a
/// virtual clock, and faults, all from one seed.
///
/// There is no task, no real time and no other source of chance: the same seed gives the same
/// steps.
final class History {
  enum Answer<Value> {
    case value(Value)
    /// Certainly not applied.
    case refused
    case unknown
  }

  struct Process {
    /// Rises with each start; what was meant for an earlier life is dropped.
    var life = 0
    var isAlive = true
    var pausedUntil: Int64 = 0
  }

  /// Everything has drained by then, however late the last calls come and however far the clock of
  /// the database has jumped.
  static let longestHealingMicroseconds: Int64 = 180_000_000
  static let longestHealingSteps = 20_000

  let seed: UInt64
  let planted: PlantedFault?
  let shape: HistoryShape
  var dice: Dice
  var store: ModelStore
  var queue = EventQueue()
  /// Microseconds of true time.
  var time: Int64 = 0
  /// How far the clock of the database is off.
  var clockError: Int64 = 0
  var outageUntil: Int64 = 0
  var isHealing = false
  private(set) var steps = 0
  var faults = 0
  /// Calls that have not arrived, answered or not.
  var lateCalls = 0

  var processes: [Process]
  var apis: [ModelAPI] = []
  var coordinators: [ModelCoordinator] = []
  var requests: [ClientRequest] = []
  var readers: [Reader] = []
  var openRequests = 0
  var openReaders = 0
  var groups = 0
  var owners = 0
  var hasFinalReaders = false
  /// Only kept when somebody wants to read it.
  private(set) var trace: [String]?

  init(
    seed: UInt64, planted: PlantedFault? = nil, isTraced: Bool = false,
    without switches: [WritableKeyPath<HistoryShape, Int>] = []
  ) {
    self.seed = seed
    self.planted = planted
    dice = Dice(seed: seed)
    var shape = HistoryShape(&dice)
    for path in switches { shape[keyPath: path] = 0 }
    self.shape = shape
    store = ModelStore(shape: shape, planted: planted)
    processes = Array(repeating: Process(), count: shape.apis + shape.coordinators + 1)
    trace = isTraced ? [] : nil
  }

  var violation: String? { store.oracle.violation }
  var maintenance: Int { processes.count - 1 }

  /// Runs to the end, or to the first violation.
  func run() {
    for api in 0..<shape.apis { startAPI(api) }
    for coordinator in 0..<shape.coordinators { startCoordinator(coordinator) }
    startMaintenance()
    planClientAction()
    planChaos()
    while violation == nil, steps < shape.activeSteps, step() {}
    if violation == nil { heal() }
    let lastStep = steps + Self.longestHealingSteps
    let lastTime = time + Self.longestHealingMicroseconds
    while violation == nil, !isDone {
      guard steps < lastStep, time < lastTime, step() else {
        check(false, "not drained: \(whatIsLeft)")
        break
      }
    }
    if violation == nil { store.audit() }
    if let violation { note("VIOLATION: \(violation)") }
    queue = EventQueue()
  }

  private func step() -> Bool {
    guard let next = queue.takeNext() else { return false }
    time = max(time, next.time)
    store.now = Timestamp(microseconds: 1_000_000_000 + time + clockError)
    steps += 1
    next.action()
    return true
  }

  func check(_ holds: Bool, _ message: @autoclosure () -> String) {
    guard !holds else { return }
    let message = message()
    store.oracle.check(false, message)
  }

  func reach(_ landmark: Landmark) { store.oracle.reach(landmark) }

  func note(_ text: @autoclosure () -> String) {
    guard trace != nil else { return }
    trace?.append("\(steps) @\(time / 1_000)ms \(text())")
  }

  /// The monotonic clock of the processes, in the unit of the flush schedule.
  var instant: Timestamp { Timestamp(microseconds: time) }

  // MARK: Time and messages

  func latency() -> Int64 {
    Int64(1 + dice.below(shape.latencyMicroseconds))
  }

  /// How long one way of a call takes.
  func transit() -> Int64 {
    if !isHealing, dice.chance(perMille: shape.slowPerMille) {
      faults += 1
      return Int64(dice.below(shape.slowMicroseconds))
    }
    return latency()
  }

  func after(_ delay: Int64, _ action: @escaping () -> Void) {
    queue.add(at: time + delay, action)
  }

  /// Plans something inside a process: it happens only in the same life, and not during a pause.
  func after(_ delay: Int64, in process: Int, _ action: @escaping () -> Void) {
    let life = processes[process].life
    queue.add(at: time + delay) { [self] in
      deliver(to: process, life: life, action)
    }
  }

  private func deliver(to process: Int, life: Int, _ action: @escaping () -> Void) {
    guard processes[process].isAlive, processes[process].life == life else { return }
    let resumed = processes[process].pausedUntil
    guard resumed <= time else {
      queue.add(at: resumed) { [self] in
        deliver(to: process, life: life, action)
      }
      return
    }
    action()
  }

  /// Calls the store from a process: the call may be refused, arrive late, or be applied without
  /// an answer, also long after the caller has been told that the outcome is unknown, or has died.
  func call<Value>(
    from process: Int, objects: Bool = false, _ apply: @escaping () -> Value,
    then: @escaping (Answer<Value>) -> Void
  ) {
    let life = processes[process].life
    func answer(_ delay: Int64, _ value: Answer<Value>) {
      queue.add(at: time + delay) { [self] in
        deliver(to: process, life: life) { then(value) }
      }
    }
    let isOut = outageUntil > time
    let more = objects ? shape.objectFaultPerMille : 0
    if !isHealing {
      if dice.chance(perMille: shape.refusedPerMille + more + (isOut ? 600 : 0)) {
        faults += 1
        return answer(transit(), .refused)
      }
      if dice.chance(perMille: shape.unknownPerMille + more + (isOut ? 900 : 0)) {
        faults += 1
        if dice.chance(perMille: shape.appliedOfUnknownPerMille) {
          // What gives no answer is late more often than not.
          let isLate = dice.below(2) == 0
          arrive(after: isLate ? Int64(dice.below(shape.slowMicroseconds)) : latency()) {
            _ = apply()
          }
        }
        return answer(transit(), .unknown)
      }
    }
    arrive(after: transit()) { [self] in
      let value = apply()
      answer(transit(), .value(value))
    }
  }

  private func arrive(after delay: Int64, _ apply: @escaping () -> Void) {
    lateCalls += 1
    queue.add(at: time + delay) { [self] in
      lateCalls -= 1
      apply()
    }
  }
}
