import Coordinator
import Foundation
import Model
import Runtime
import TestSupport
import Testing

/// Children that hang, fall silent or go away: the server is done with each, and nothing of it runs
/// on.
@Suite struct StagingLifeTests {
  private static func options(_ executable: String) -> StagingOptions {
    StagingOptions(
      executable: executable, beginTimeoutSeconds: StagingFixture.never,
      frameTimeoutSeconds: StagingFixture.never, replyTimeoutSeconds: StagingFixture.never,
      totalTimeoutSeconds: StagingFixture.never)
  }

  private static func start(
    _ fixture: StagingFixture, _ options: StagingOptions,
    _ cancellation: StagingCancellation = StagingCancellation()
  ) throws -> StagingProcess {
    try StagingProcess(
      .payloads, table: try StagingFixture.table(), folder: fixture.folder, options: options,
      cancellation: cancellation)
  }

  /// What a call is refused with.
  private static func error(_ body: () throws -> Void) -> StagingError? {
    do {
      try body()
      return nil
    } catch {
      return error as? StagingError
    }
  }

  private static let tooLong = StagingError.environment("a staging child took too long")
  /// More than a socket holds.
  private static let many = [[UInt8]](
    repeating: [UInt8](repeating: UInt8(ascii: " "), count: 1 << 20), count: 8)

  @Test func oneThatNeverBeginsIsGivenUp() async throws {
    try await StagingFixture.with { fixture in
      var options = Self.options(try fixture.child("stay()"))
      options.beginTimeoutSeconds = 1
      #expect(throws: StagingError.environment("a staging child did not begin")) {
        _ = try Self.start(fixture, options)
      }
      #expect(fixture.isReaped || fixture.pid == nil)
    }
  }

  @Test func oneThatTakesNothingIsGivenUp() async throws {
    try await StagingFixture.with { fixture in
      var options = Self.options(try fixture.child("ready(); stay()"))
      options.frameTimeoutSeconds = 1
      let process = try Self.start(fixture, options)
      #expect(Self.error { try process.send(Self.many) } == Self.tooLong)
      #expect(fixture.isReaped)
    }
  }

  @Test func oneThatNeverRepliesIsGivenUp() async throws {
    try await StagingFixture.with { fixture in
      var options = Self.options(try fixture.child("ready(); stay()"))
      options.replyTimeoutSeconds = 1
      let process = try Self.start(fixture, options)
      #expect(Self.error { _ = try process.finish() } == Self.tooLong)
      #expect(fixture.isReaped)
    }
  }

  @Test func oneThatKeepsTalkingWithoutComingToAnEndIsGivenUp() async throws {
    try await StagingFixture.with { fixture in
      var options = Self.options(
        try fixture.child(
          #"""
          ready()
          take()
          end.sendall(struct.pack("<IB", 1 << 30, 5))
          while True: end.sendall(b" ")
          """#))
      options.replyTimeoutSeconds = 1
      let process = try Self.start(fixture, options)
      #expect(Self.error { _ = try process.finish() } == Self.tooLong)
      #expect(fixture.isReaped)
    }
  }

  @Test func allThatOneIsWaitedForIsBounded() async throws {
    try await StagingFixture.with { fixture in
      var options = Self.options(try fixture.child("ready(); stay()"))
      options.totalTimeoutSeconds = 2
      let error = Self.error { _ = try Self.start(fixture, options).finish() }
      // On a busy machine the beginning alone may take it all.
      #expect([Self.tooLong, .environment("a staging child did not begin")].contains(error))
      #expect(fixture.isReaped || fixture.pid == nil)
    }
  }

  @Test func whatOneSaidCountsAlthoughItHangsAfterwards() async throws {
    try await StagingFixture.with { fixture in
      let process = try Self.start(
        fixture, Self.options(try fixture.child("ready(); reply(); stay()")))
      try process.send([Array("{}".utf8)])
      #expect(try process.finish().files.isEmpty)
      #expect(fixture.isReaped)
    }
  }

  @Test func whatFailedBeforeTheEndIsTold() async throws {
    try await StagingFixture.with { fixture in
      let process = try Self.start(
        fixture,
        Self.options(
          try fixture.child(
            #"""
            ready()
            take()
            say(5, b'{"files": [], "refused": [], "violations": [], "isStorageFull": false, "failure": "no room"}')
            while True: take()
            """#)))
      let error = Self.error {
        try process.send(Self.many)
        _ = try process.finish()
      }
      #expect(error == .environment("no room"))
      process.end()
      #expect(fixture.isReaped)
    }
  }

  @Test func aFullDiskIsNoFaultOfTheData() async throws {
    try await StagingFixture.with { fixture in
      let process = try Self.start(
        fixture,
        Self.options(
          try fixture.child(
            #"""
            ready()
            reply(b'{"files": [], "refused": [], "violations": [], "isStorageFull": true}')
            """#)))
      #expect(Self.error { _ = try process.finish() } == .storageFull)
      #expect(fixture.isReaped)
    }
  }

  @Test func oneThatHangsUpAndStaysIsEnded() async throws {
    try await StagingFixture.with { fixture in
      var options = Self.options(try fixture.child("ready(); end.close(); stay()"))
      options.endTimeoutSeconds = 0
      let process = try Self.start(fixture, options)
      #expect(Self.error { _ = try process.finish() } == Self.tooLong)
      #expect(fixture.isReaped)
    }
  }

  @Test func oneThatSpeaksNonsenseIsEnded() async throws {
    try await StagingFixture.with { fixture in
      let process = try Self.start(
        fixture, Self.options(try fixture.child(#"ready(); reply(b"nonsense"); stay()"#)))
      #expect(
        Self.error { _ = try process.finish() }
          == .environment("a staging child spoke nonsense"))
      #expect(fixture.isReaped)
    }
  }

  @Test func oneThatCrashesIsToldFromOneThatWasKilled() async throws {
    for (signal, expected) in [
      ("SIGABRT", StagingError.crashed),
      ("SIGKILL", StagingError.environment("engine(\"a probe was ended by signal 9\")")),
    ] {
      try await StagingFixture.with { fixture in
        let process = try Self.start(
          fixture,
          Self.options(try fixture.child("ready(); take(); os.kill(os.getpid(), signal.\(signal))"))
        )
        #expect(Self.error { _ = try process.finish() } == expected)
        #expect(fixture.isReaped)
        // Its number may be another's now: this does nothing.
        process.end()
      }
    }
  }

  @Test func oneThatIsDroppedIsReaped() async throws {
    try await StagingFixture.with { fixture in
      do { _ = try Self.start(fixture, Self.options(try fixture.child("ready(); stay()"))) }
      #expect(fixture.isReaped)
    }
  }

  // MARK: Cancelled

  @Test func oneThatIsCancelledBeforeItStartsNeverDoes() async throws {
    try await StagingFixture.with { fixture in
      let options = Self.options(try fixture.child("ready(); stay()"))
      let cancellation = StagingCancellation()
      cancellation.cancel()
      #expect(throws: StagingError.self) { _ = try Self.start(fixture, options, cancellation) }
      #expect(fixture.pid == nil)
    }
  }

  @Test(arguments: ["stay()", "ready(); stay()"])
  func aCallThatWaitsForOneThatIsCancelledReturns(child: String) async throws {
    let cancellation = StagingCancellation()
    let started = Lock<StagingFixture?>(nil)
    async let error: StagingError? = StagingFixture.with { fixture in
      let options = Self.options(try fixture.child(child))
      started.withLock { $0 = fixture }
      let error = Self.error {
        let process = try Self.start(fixture, options, cancellation)
        try process.send(Self.many)
        _ = try process.finish()
      }
      #expect(fixture.isReaped)
      return error
    }
    try await eventually("the child runs") { started.withLock { $0 }?.pid != nil }
    cancellation.cancel()
    #expect(try await error != nil)
  }
}
