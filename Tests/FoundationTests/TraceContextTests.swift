import Observability
import Testing

@Suite struct TraceContextTests {
  private let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  @Test func aValidHeaderIsReadAndWrittenBackUnchanged() throws {
    let context = try #require(TraceContext(traceparent: valid))
    #expect(context.traceId == "4bf92f3577b34da6a3ce929d0e0e4736")
    #expect(context.spanIdHex == "00f067aa0ba902b7")
    #expect(context.isSampled)
    #expect(context.traceparent == valid)
  }

  @Test(arguments: [
    "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
    "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
    " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
  ])
  func anInvalidHeaderBeginsANewTrace(header: String) {
    #expect(TraceContext(traceparent: header) == nil)
    let context = TraceContext.serving(traceparent: header)
    #expect(context.traceId != "4bf92f3577b34da6a3ce929d0e0e4736")
    #expect(context.parentSpanId == nil)
  }

  @Test func aLaterVersionIsReadAsFarAsItIsKnown() {
    let later = "cc" + valid.dropFirst(2) + "-what-comes"
    #expect(TraceContext(traceparent: later)?.traceId == "4bf92f3577b34da6a3ce929d0e0e4736")
  }

  @Test func servingAddsASpanBelowTheCallers() throws {
    let caller = try #require(TraceContext(traceparent: valid))
    let serving = TraceContext.serving(traceparent: valid)
    #expect(serving.traceId == caller.traceId)
    #expect(serving.parentSpanId == caller.spanId)
    #expect(serving.spanId != caller.spanId)
    #expect(serving.isSampled)
  }

  @Test func newTracesAreValidAndDiffer() {
    let first = TraceContext.generate()
    #expect(TraceContext(traceparent: first.traceparent)?.traceId == first.traceId)
    #expect(first.traceId != TraceContext.generate().traceId)
    #expect(first.traceId.utf8.count == 32)
  }
}
