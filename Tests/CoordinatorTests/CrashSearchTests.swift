import Coordinator
import Glibc
import Runtime
import Testing

/// The search for what crashes the engine, with an oracle that counts.
@Suite struct CrashSearchTests {
  /// The culprits that the search finds among `0..<count`.
  private func search(
    _ count: Int, trials: inout Int, crashes: (ArraySlice<Int>) -> Bool
  ) throws(EnvironmentFailure) -> [Int] {
    var asked = 0
    defer { trials = asked }
    return try CrashSearch.culprits(in: Array(0..<count)[...]) { part in
      asked += 1
      return crashes(part)
    }
  }

  @Test(arguments: [
    [0], [199], [37, 160], [98, 99, 100, 101], Array(0..<200),
    stride(from: 0, to: 200, by: 2).map(\.self),
  ]) func exactlyTheElementsThatCrashAloneAreNamed(poisoned: [Int]) throws {
    let bad = Set(poisoned)
    var trials = 0
    let found = try search(200, trials: &trials) { part in part.contains { bad.contains($0) } }
    #expect(found == poisoned)
    // Of a halving: two trials a level for each culprit, its second trial, the first and the last.
    #expect(trials <= poisoned.count * (2 * 8 + 1) + 2)
  }

  @Test func anInnocentRangeCostsOneTrial() throws {
    var trials = 0
    #expect(try search(50_000, trials: &trials) { _ in false } == [])
    #expect(trials == 1)
    #expect(try search(0, trials: &trials) { _ in false } == [])
  }

  @Test func elementsThatCrashOnlyTogetherAreNotNamed() {
    var trials = 0
    #expect(throws: EnvironmentFailure.self) {
      try search(64, trials: &trials) { $0.contains(3) && $0.contains(60) }
    }
    // One that crashes alone does not take the blame for the others.
    #expect(throws: EnvironmentFailure.self) {
      try search(64, trials: &trials) { $0.contains(7) || ($0.contains(3) && $0.contains(60)) }
    }
  }

  @Test func anEngineThatAlwaysCrashesNamesNobody() {
    var trials = 0
    for count in [0, 1, 2, 10] {
      #expect(throws: EnvironmentFailure.self) {
        try search(count, trials: &trials) { _ in true }
      }
    }
  }

  @Test func aCrashThatDoesNotComeAgainNamesNobody() {
    // Whichever trial it is that crashes by accident, beside an event that always does or without.
    for accident in 1...40 {
      for culprit in [nil, 5] as [Int?] {
        var trials = 0
        var number = 0
        let found = try? search(64, trials: &trials) { part in
          number += 1
          return number == accident || part.contains { $0 == culprit }
        }
        #expect(found.map { $0 == [culprit].compactMap(\.self) } ?? true)
      }
    }
  }

  @Test func aFailureOfTheOracleEndsTheSearch() {
    var trials = 0
    #expect(throws: EnvironmentFailure.storageFull) {
      try CrashSearch.culprits(in: [1, 2, 3][...]) { part throws(EnvironmentFailure) in
        trials += 1
        if part.count < 3 { throw .storageFull }
        return true
      }
    }
    #expect(trials == 2)
  }

  @Test func onlySignalsOfTheEngineAreCrashes() throws {
    for signal in [SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE] {
      #expect(try CrashProbe.verdict(signal))
      #expect(try CrashProbe.verdict(signal | 0x80), "with a core")
    }
    // The kernel's for want of memory, and what people send.
    for signal in [SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGALRM] {
      #expect(throws: EnvironmentFailure.self) { try CrashProbe.verdict(signal) }
    }
    #expect(try !CrashProbe.verdict(0))
    #expect(throws: EnvironmentFailure.self) { try CrashProbe.verdict(10 << 8) }
    #expect(try CrashProbe.verdict(1 << 8))
    // What we ended ourselves says nothing.
    #expect(throws: EnvironmentFailure.self) { try CrashProbe.verdict(SIGABRT, isInTime: false) }
  }
}
