/// The sizes and fault probabilities of one history.
///
/// Each history draws its own, and many of them are zero: histories in which everything fails at
/// once hide what a single kind of fault does.
struct HistoryShape {
  var tenants: Int
  var tablesPerTenant: Int
  var apis: Int
  var coordinators: Int
  var keysPerTable: Int
  var contents: Int
  /// Steps after which faults and new work stop and everything must drain.
  var activeSteps: Int
  var clientIntervalMicroseconds: Int
  var latencyMicroseconds: Int

  var refusedPerMille: Int
  var unknownPerMille: Int
  var appliedOfUnknownPerMille: Int
  var slowPerMille: Int
  var slowMicroseconds: Int
  var objectFaultPerMille: Int
  var crashPerMille: Int
  var pausePerMille: Int
  var clockJumpPerMille: Int
  var outagePerMille: Int
  var fencePerMille: Int
  var stopPerMille: Int
  var lossPerMille: Int
  var duplicationPerMille: Int
  var schemaChangePerMille: Int
  var badContentPerMille: Int
  var readPerMille: Int

  init(_ dice: inout Dice) {
    tenants = dice.among(1...3)
    tablesPerTenant = dice.among(1...2)
    apis = dice.among(1...3)
    coordinators = dice.among(1...3)
    keysPerTable = dice.among(2...40)
    contents = dice.among(1...3)
    activeSteps = dice.among(50...210)
    clientIntervalMicroseconds = [20_000, 80_000, 250_000][dice.below(3)]
    latencyMicroseconds = [200, 2_000, 20_000][dice.below(3)]
    refusedPerMille = Self.probability(&dice)
    unknownPerMille = Self.probability(&dice)
    appliedOfUnknownPerMille = [200, 500, 900][dice.below(3)]
    slowPerMille = Self.probability(&dice)
    slowMicroseconds = [200_000, 1_500_000, 4_500_000][dice.below(3)]
    objectFaultPerMille = Self.probability(&dice)
    crashPerMille = Self.probability(&dice)
    pausePerMille = Self.probability(&dice)
    clockJumpPerMille = Self.probability(&dice)
    outagePerMille = Self.probability(&dice)
    fencePerMille = Self.probability(&dice)
    stopPerMille = Self.probability(&dice)
    lossPerMille = Self.probability(&dice) * 4
    duplicationPerMille = Self.probability(&dice)
    schemaChangePerMille = Self.probability(&dice)
    badContentPerMille = Self.probability(&dice)
    readPerMille = dice.among(100...500)
  }

  private static func probability(_ dice: inout Dice) -> Int {
    [0, 0, 0, 20, 60, 200][dice.below(6)]
  }

  /// The faults that can be switched off, to find out which ones a failure needs.
  static let switches: [(name: String, path: WritableKeyPath<HistoryShape, Int> & Sendable)] = [
    ("refusals", \.refusedPerMille), ("unknown outcomes", \.unknownPerMille),
    ("slow calls", \.slowPerMille), ("object faults", \.objectFaultPerMille),
    ("crashes", \.crashPerMille), ("pauses", \.pausePerMille),
    ("clock jumps", \.clockJumpPerMille), ("outages", \.outagePerMille),
    ("fences", \.fencePerMille),
    ("stops", \.stopPerMille), ("lost notifications", \.lossPerMille),
    ("duplicated notifications", \.duplicationPerMille),
    ("schema changes", \.schemaChangePerMille), ("bad contents", \.badContentPerMille),
    ("reads", \.readPerMille),
  ]
}
