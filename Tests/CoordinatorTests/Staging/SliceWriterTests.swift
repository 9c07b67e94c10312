import Coordinator
import Dispatch
import Runtime
import Testing

/// Slices are written while others are gathered, by a writer whose writes wait for the test.
@Suite struct SliceWriterTests {
  private struct Refused: Error, Equatable {
    let slice: Int
  }

  /// Lets each write go on when the test says so.
  private final class Gate: Sendable {
    private let opened = DispatchSemaphore(value: 0)
    private let begun = DispatchSemaphore(value: 0)

    func pass() {
      begun.signal()
      opened.wait()
    }
    func open() { opened.signal() }
    func awaitWrite() { begun.wait() }
  }

  @Test func slicesAreWrittenOnceInTheOrderInWhichTheyCame() async throws {
    let written = try await offPool {
      let writer = try SliceWriter(into: [Int]()) { slice, output in output.append(slice) }
      for slice in 0..<1_000 { try writer.hand(slice) }
      return try writer.finish()
    }
    #expect(written == Array(0..<1_000))
  }

  @Test func noSlicesComeToWhatThereWas() async throws {
    let written = try await offPool {
      try SliceWriter(into: [7]) { (slice: Int, output: inout [Int]) in output.append(slice) }
        .finish()
    }
    #expect(written == [7])
  }

  @Test func theNextSliceIsGatheredWhileOneIsBeingWritten() async throws {
    let gate = Gate()
    try await offPool {
      let writer = try SliceWriter(into: 0) { (slice: Int, output: inout Int) in
        gate.pass()
        output += slice
      }
      try writer.hand(1)
      // Without a second thread nobody would be here.
      gate.awaitWrite()
      try writer.check()
      gate.open()
      try writer.hand(2)
      gate.awaitWrite()
      gate.open()
      #expect(try writer.finish() == 3)
    }
  }

  @Test func aSliceIsTakenOnlyWhenTheOneBeforeIsWrittenAndFreed() async throws {
    final class Slice: Sendable {
      static let alive = Lock(0)
      init() { Self.alive.withLock { $0 += 1 } }
      deinit { Self.alive.withLock { $0 -= 1 } }
    }
    let most = try await offPool {
      let most = Lock(0)
      let writer = try SliceWriter(into: ()) { (_: Slice, _: inout Void) in
        let alive = Slice.alive.withLock { $0 }
        most.withLock { $0 = max($0, alive) }
      }
      for _ in 0..<200 { try writer.hand(Slice()) }
      try writer.finish()
      return most.withLock { $0 }
    }
    #expect((1...2).contains(most))
    #expect(Slice.alive.withLock { $0 } == 0)
  }

  @Test func whatAWriteThrowsMeetsEveryLaterCallAndNothingIsWrittenAfterIt() async throws {
    let seen = Lock<[Int]>([])
    try await offPool {
      let writer = try SliceWriter(into: 0) { (slice: Int, _: inout Int) in
        seen.withLock { $0.append(slice) }
        if slice == 2 { throw Refused(slice: slice) }
      }
      try writer.hand(1)
      try writer.hand(2)
      for slice in 3...4 {
        #expect(throws: Refused(slice: 2)) { try writer.hand(slice) }
      }
      #expect(throws: Refused(slice: 2)) { try writer.check() }
      for _ in 0..<2 {
        #expect(throws: Refused(slice: 2)) { try writer.finish() }
      }
    }
    #expect(seen.withLock { $0 } == [1, 2])
  }

  @Test func theLastSlicesFailureIsToldAtTheEnd() async throws {
    try await offPool {
      let writer = try SliceWriter(into: 0) { (slice: Int, _: inout Int) in
        throw Refused(slice: slice)
      }
      try writer.hand(1)
      #expect(throws: Refused(slice: 1)) { try writer.finish() }
    }
  }

  @Test func aWriterThatIsDroppedEndsItsThread() async throws {
    final class Token: Sendable {
      let ended: DispatchSemaphore
      init(_ ended: DispatchSemaphore) { self.ended = ended }
      deinit { ended.signal() }
    }
    try await offPool {
      let ended = DispatchSemaphore(value: 0)
      do {
        let token = Token(ended)
        let writer = try SliceWriter(into: 0) { (_: Int, _: inout Int) in
          withExtendedLifetime(token) {}
        }
        try writer.hand(1)
      }
      // The thread alone has held the token since.
      ended.wait()
    }
  }
}
