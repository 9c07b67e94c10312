import Coordinator
import Foundation
import Model
import Testing

/// What is remembered of attempts over the end of the process.
@Suite struct AttemptLogTests {
  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder =
      FileManager.default.temporaryDirectory.path + "/duckmesh-attempts-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  private func range(_ tenant: Int64, _ token: Int64) -> AttemptLog.Range {
    AttemptLog.Range(tenant: TenantID(tenant), firstToken: VisibilityToken(token))
  }

  private func names(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  private func file(_ folder: String) -> URL { URL(fileURLWithPath: folder + "/ranges") }

  /// The tenants that the file tells of.
  private func noted(_ folder: String) throws -> [String] {
    try String(contentsOf: file(folder), encoding: .utf8).split(separator: "\n")
      .compactMap { $0.split(separator: " ").first.flatMap { Int($0).map(String.init) } }
  }

  @Test func twoAttemptsThatDidNotEndMakeASuspect() throws {
    try withFolder { folder in
      for _ in 0..<2 {
        let log = AttemptLog(folder: folder)
        #expect(log.suspects.isEmpty)
        #expect(log.begin([range(1, 10)]).isEmpty)
      }
      // However often it goes on crashing.
      for _ in 0..<5 {
        let log = AttemptLog(folder: folder)
        #expect(log.suspects == [TenantID(1)])
        #expect(log.begin([range(1, 10)]) == [TenantID(1)])
      }
    }
  }

  @Test func anAttemptThatEndsLeavesNothing() throws {
    try withFolder { folder in
      let log = AttemptLog(folder: folder)
      for _ in 0..<10 {
        #expect(log.begin([range(1, 10), range(2, 5)]).isEmpty)
        try #require(Set(noted(folder)) == ["1", "2"])
        log.end([range(1, 10), range(2, 5)], committed: [TenantID(2)])
        try #require(noted(folder).isEmpty)
      }
      #expect(AttemptLog(folder: folder).suspects.isEmpty)
    }
  }

  @Test func theFileIsAsLongAsWhatIsUnderWay() throws {
    try withFolder { folder in
      let log = AttemptLog(folder: folder)
      for round in 0..<100 {
        let ranges = (1...5).map { range(Int64(round * 5 + $0), 10) }
        #expect(log.begin(ranges).isEmpty)
        try #require(Set(noted(folder)) == Set(ranges.map { String($0.tenant.rawValue) }))
        log.end(ranges.shuffled(), committed: [])
      }
      try #require(Data(contentsOf: file(folder)).count == 5 * 64)
      _ = AttemptLog(folder: folder)
      try #require(Data(contentsOf: file(folder)).isEmpty)
    }
  }

  @Test func whatCrashedKeepsItsPlaceBesideOthers() throws {
    try withFolder { folder in
      for _ in 0..<2 {
        let log = AttemptLog(folder: folder)
        _ = log.begin((1...6).map { range($0, 10) })
        log.end([range(1, 10), range(3, 10), range(4, 10)], committed: [TenantID(1)])
      }
      let log = AttemptLog(folder: folder)
      let suspects = Set([2, 5, 6].map { TenantID($0) })
      #expect(log.suspects == suspects)
      // More than there are free places between those that crashed.
      let others = (10...20).map { range($0, 5) }
      #expect(log.begin(others).isEmpty)
      #expect(AttemptLog(folder: folder).suspects == suspects)
      log.end(others, committed: [])
      try #require(Set(noted(folder)) == ["2", "5", "6"])
      #expect(log.begin([range(5, 10)]) == [TenantID(5)])
      log.end([range(5, 10)], committed: [TenantID(5)])
      #expect(AttemptLog(folder: folder).suspects == Set([2, 6].map { TenantID($0) }))
    }
  }

  @Test func aFailureNeitherCountsNorTakesCrashesBack() throws {
    try withFolder { folder in
      for _ in 0..<2 { _ = AttemptLog(folder: folder).begin([range(1, 10)]) }
      let log = AttemptLog(folder: folder)
      for _ in 0..<3 {
        #expect(log.begin([range(1, 10)]) == [TenantID(1)])
        log.end([range(1, 10)], committed: [])
      }
      #expect(AttemptLog(folder: folder).suspects == [TenantID(1)])
      #expect(log.begin([range(1, 10)]) == [TenantID(1)])
      log.end([range(1, 10)], committed: [TenantID(1)])
      #expect(log.suspects.isEmpty)
      try #require(noted(folder).isEmpty)
      #expect(log.begin([range(1, 11)]).isEmpty)
    }
  }

  @Test func aRangeThatWasCommittedAfterAllStartsAnew() throws {
    try withFolder { folder in
      for _ in 0..<2 { _ = AttemptLog(folder: folder).begin([range(1, 10)]) }
      #expect(AttemptLog(folder: folder).begin([range(1, 20)]).isEmpty)
      #expect(AttemptLog(folder: folder).begin([range(1, 20)]).isEmpty)
      #expect(AttemptLog(folder: folder).begin([range(1, 20)]) == [TenantID(1)])
    }
  }

  @Test func damagedAndOldLinesAndForeignFilesAreLeftOut() throws {
    try withFolder { folder in
      for _ in 0..<2 { _ = AttemptLog(folder: folder).begin([range(1, 10)]) }
      let whole = try String(contentsOf: file(folder), encoding: .utf8)
      #expect(whole.count == 64)
      func line(_ tenant: Int, attempts: String = "00000002", seconds: Int? = nil) -> String {
        String(format: "%020d %020d ", tenant, 10) + attempts
          + String(format: " %012d\n", seconds ?? Int(Date().timeIntervalSince1970))
      }
      let damaged = [
        String(repeating: "\0", count: 64), String(repeating: " ", count: 63) + "\n",
        String(repeating: "9", count: 63) + "\n", line(3, attempts: "00000000"),
        line(4, attempts: "-0000002"), line(5, attempts: "0x000002"),
        line(6, attempts: "9999999 "), String(line(7).dropLast()) + " ",
        line(8, seconds: Int(Date().timeIntervalSince1970) - 30 * 86_400),
      ]
      #expect(damaged.allSatisfy { $0.utf8.count == 64 })
      let text = damaged.joined() + whole + line(2) + line(1, attempts: "00000009")
      try Data((text + line(9).dropLast(3)).utf8).write(to: file(folder))
      for name in ["7", "x"] {
        try Data(whole.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
      }
      let log = AttemptLog(folder: folder)
      #expect(log.suspects == [TenantID(1), TenantID(2)])
      try #require(names(folder) == ["ranges"])
      _ = log.begin((20...40).map { range($0, 10) })
      #expect(AttemptLog(folder: folder).suspects == [TenantID(1), TenantID(2)])
    }
  }

  @Test func aFolderThatCannotBeWrittenStopsNobody() {
    let log = AttemptLog(folder: "/nonexistent/attempts")
    #expect(log.begin([range(1, 10)]).isEmpty)
    log.end([range(1, 10)], committed: [])
    #expect(log.suspects.isEmpty)
  }
}
