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
        try #require(names(folder) == ["1", "2"])
        log.end([range(1, 10), range(2, 5)], committed: [TenantID(2)])
        try #require(names(folder).isEmpty)
      }
      #expect(AttemptLog(folder: folder).suspects.isEmpty)
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
      try #require(names(folder).isEmpty)
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

  @Test func damagedOldAndForeignFilesAreRemoved() throws {
    try withFolder { folder in
      for _ in 0..<2 { _ = AttemptLog(folder: folder).begin([range(1, 10), range(2, 10)]) }
      let whole = try Data(contentsOf: URL(fileURLWithPath: folder + "/1"))
      let damaged: [(String, Data)] = [
        ("3", Data()), ("4", whole.dropLast()), ("5", whole + whole), ("6", Data([0, 255, 10])),
        ("7", Data(String(repeating: "9", count: 31).utf8) + [10]), ("x", whole),
        ("8", Data((String(repeating: "9", count: 20) + " 0000000002\n").utf8)),
      ]
      for (name, data) in damaged {
        try data.write(to: URL(fileURLWithPath: folder + "/" + name))
      }
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -30 * 86_400)], ofItemAtPath: folder + "/2")
      #expect(AttemptLog(folder: folder).suspects == [TenantID(1)])
      try #require(names(folder) == ["1"])
    }
  }

  @Test func aFolderThatCannotBeWrittenStopsNobody() {
    let log = AttemptLog(folder: "/nonexistent/attempts")
    #expect(log.begin([range(1, 10)]).isEmpty)
    log.end([range(1, 10)], committed: [])
    #expect(log.suspects.isEmpty)
  }
}
