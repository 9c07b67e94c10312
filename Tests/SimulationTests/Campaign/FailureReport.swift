/// A failed history, made as small as it is cheap to make it, for somebody to read.
struct FailureReport {
  private static let lastLines = 60

  let seed: UInt64
  let planted: PlantedFault?
  /// Faults without which it fails as well, and is shorter.
  private(set) var omitted: [String] = []
  private(set) var trace: [String] = []
  private(set) var violation: String?

  /// Switches faults off one by one and keeps what fails no later.
  init(seed: UInt64, planted: PlantedFault? = nil) {
    self.seed = seed
    self.planted = planted
    var off: [WritableKeyPath<HistoryShape, Int>] = []
    var shortest = Self.steps(seed, planted, without: [])
    for (name, path) in HistoryShape.switches {
      guard let steps = Self.steps(seed, planted, without: off + [path]),
        steps <= shortest ?? .max
      else { continue }
      shortest = steps
      off.append(path)
      omitted.append(name)
    }
    let history = History(seed: seed, planted: planted, isTraced: true, without: off)
    history.run()
    trace = history.trace ?? []
    violation = history.violation
  }

  var text: String {
    """
    history \(seed) breaks an invariant: \(violation ?? "none")
    needs none of: \(omitted.joined(separator: ", "))
    \(trace.suffix(Self.lastLines).joined(separator: "\n"))
    """
  }

  private static func steps(
    _ seed: UInt64, _ planted: PlantedFault?,
    without switches: [WritableKeyPath<HistoryShape, Int>]
  ) -> Int? {
    let history = History(seed: seed, planted: planted, without: switches)
    history.run()
    return history.violation == nil ? nil : history.steps
  }
}
