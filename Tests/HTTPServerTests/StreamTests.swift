import Glibc
import HTTPServer
import Synchronization
import Testing

@Suite struct StreamTests {
  private static let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

  @Test func `a streamed answer arrives in order with its trailers and keeps the connection`()
    async throws
  {
    let hooks = HTTPServerHooks(handler: { _ in
      HTTPResponse(
        status: 200, fields: [.init("Content-Type", "application/x-ndjson")],
        trailerNames: ["X-Truncated", "X-Rows"]
      ) { stream in
        for number in 0..<1_000 {
          guard await stream.write(Array("row \(number)\n".utf8)) else { return }
          if number % 100 == 0 { await Task.yield() }
        }
        stream.finish(trailers: [.init("X-Truncated", "true"), .init("X-Rows", "1000")])
      }
    })
    try await withServer(hooks) { server in
      let port = server.port
      let answers = try await onThread {
        let client = try RawClient(port: port)
        return try (0..<2).map { _ in
          client.send(Self.request)
          return try client.readAnswer()
        }
      }
      for answer in answers {
        #expect(answer.head.fields["transfer-encoding"] == "chunked")
        #expect(answer.head.fields["trailer"] == "X-Truncated, X-Rows")
        #expect(answer.text == (0..<1_000).map { "row \($0)\n" }.joined())
        #expect(answer.trailers == ["x-truncated": "true", "x-rows": "1000"])
      }
    }
  }

  @Test func `the head goes out before the first byte of the body exists`() async throws {
    let release = Gate()
    let hooks = HTTPServerHooks(handler: { _ in
      HTTPResponse(status: 200, fields: [.init("X-Snapshot", "7")]) { stream in
        await release.wait()
        _ = await stream.write(Array("late".utf8))
        stream.finish()
      }
    })
    try await withServer(hooks) { server in
      defer { release.open() }
      let port = server.port
      let (head, chunk, end) = try await onThread {
        let client = try RawClient(port: port)
        client.send(Self.request)
        let head = try client.readHead()
        release.open()
        return (head, try client.readChunk(), try client.readChunk())
      }
      #expect(head.fields["x-snapshot"] == "7")
      #expect(chunk == Array("late".utf8))
      #expect(end == nil)
    }
  }

  @Test func `the producer of an answer that nobody waits for any more is told so`() async throws {
    let isOver = Gate()
    let wasTaken = Atomic<Int>(-1)
    let hooks = HTTPServerHooks(handler: { _ in
      // Until the client has gone.
      try? await Task.sleep(for: .seconds(3_600))
      return HTTPResponse(status: 200) { stream in
        wasTaken.store(await stream.write([1]) ? 1 : 0, ordering: .relaxed)
        isOver.open()
      }
    })
    try await withServer(hooks) { server in
      let port = server.port
      try await onThread {
        let client = try RawClient(port: port)
        client.send(Self.request)
      }
      await isOver.wait()
      #expect(wasTaken.load(ordering: .relaxed) == 0)
    }
  }

  @Test func `a producer is held back by a client that does not read`() async throws {
    let written = Atomic<Int>(0)
    let started = Gate()
    let total = 64 << 20
    let piece = 64 << 10
    let hooks = HTTPServerHooks(handler: { _ in
      HTTPResponse(status: 200) { stream in
        let bytes = [UInt8](repeating: 0x7a, count: piece)
        var sent = 0
        while sent < total {
          guard await stream.write(bytes) else { return }
          sent += piece
          written.store(sent, ordering: .relaxed)
          // The most that may be ahead of the library; what the library has pulled is in the
          // system's socket buffers.
          precondition(stream.bufferedBytes < 256 << 10)
          started.open()
        }
        stream.finish()
      }
    })
    try await withServer(hooks) { server in
      let port = server.port
      let (aheadBytes, receivedBytes) = try await onThread {
        let client = try RawClient(port: port, receiveBufferBytes: 64 << 10)
        client.send(Self.request)
        _ = try client.readHead()
        // Until nothing moves any more, the producer is bounded by buffers alone.
        var ahead = -1
        while ahead != written.load(ordering: .relaxed) {
          ahead = written.load(ordering: .relaxed)
          usleep(50_000)
        }
        var received = 0
        while let chunk = try client.readChunk() { received += chunk.count }
        return (ahead, received)
      }
      #expect(aheadBytes < total / 2)
      #expect(receivedBytes == total)
    }
  }

  enum Failing: CaseIterable {
    case abortsAfterBytes, abortsBeforeBytes, returnsUnfinished, abortsWhileClientIsNotReading
  }

  @Test(arguments: Failing.allCases)
  func `a stream that fails ends the connection without the final chunk`(_ failing: Failing)
    async throws
  {
    let headRead = Gate()
    let summaries = Collector<HTTPExchangeSummary>()
    let hooks = HTTPServerHooks(
      handler: { _ in
        HTTPResponse(status: 200) { stream in
          await headRead.wait()
          switch failing {
          case .abortsBeforeBytes: break
          case .abortsAfterBytes, .returnsUnfinished:
            _ = await stream.write(Array("some".utf8))
          case .abortsWhileClientIsNotReading:
            // Half the high water: a parked writer is woken below that, so the stalled buffer
            // always ends up at or above it, however much the kernel took.
            async let aborter: Void = {
              while stream.isOpen, stream.bufferedBytes < 128 << 10 { await Task.yield() }
              stream.abort()
            }()
            while await stream.write([UInt8](repeating: 0x61, count: 64 << 10)) {}
            await aborter
          }
          if failing != .returnsUnfinished { stream.abort() }
          stream.finish()
        }
      }, observe: { summaries.add($0) })
    if failing == .returnsUnfinished { return try await returnsUnfinished() }
    try await withServer(hooks) { server in
      defer { headRead.open() }
      let port = server.port
      let client = try await onThread {
        let client = try RawClient(port: port)
        client.send(Self.request)
        _ = try client.readHead()
        headRead.open()
        return Sent(client)
      }
      let summary = await summaries.first(1)[0]
      let rest = try await onThread { try client.value.readToEnd() }
      #expect(!String(decoding: rest.suffix(20), as: UTF8.self).contains("0\r\n\r\n"))
      #expect(summary.termination == .aborted)
      #expect(summary.status == 200)
    }
  }

  private func returnsUnfinished() async throws {
    let hooks = HTTPServerHooks(handler: { _ in
      HTTPResponse(status: 200) { stream in _ = await stream.write(Array("some".utf8)) }
    })
    try await withServer(hooks) { server in
      let port = server.port
      let text = try await onThread {
        let client = try RawClient(port: port)
        client.send(Self.request)
        return String(decoding: try client.readToEnd(), as: UTF8.self)
      }
      #expect(!text.contains("0\r\n\r\n"))
    }
  }

  @Test func `to an HTTP 1.0 client a failed stream is a reset, not an end`() async throws {
    let headRead = Gate()
    let hooks = HTTPServerHooks(handler: { _ in
      HTTPResponse(status: 200) { stream in
        _ = await stream.write(Array("some".utf8))
        await headRead.wait()
        stream.abort()
      }
    })
    try await withServer(hooks) { server in
      defer { headRead.open() }
      let port = server.port
      let code = try await onThread {
        let client = try RawClient(port: port)
        client.send("GET / HTTP/1.0\r\n\r\n")
        _ = try client.readHead()
        headRead.open()
        var byte: UInt8 = 0
        var count = 1
        while count > 0 { count = recv(client.descriptor, &byte, 1, 0) }
        return count < 0 ? errno : 0
      }
      #expect(code == ECONNRESET)
    }
  }

  @Test func `a HEAD request does not run the producer`() async throws {
    let ran = Gate()
    let hooks = HTTPServerHooks(handler: { _ in
      HTTPResponse(status: 200) { stream in
        ran.open()
        stream.finish()
      }
    })
    try await withServer(hooks) { server in
      let port = server.port
      let (answer, isAtEnd) = try await onThread {
        let client = try RawClient(port: port)
        client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
        return (try client.readAnswer(toHead: true), try client.isAtEnd())
      }
      #expect(answer.status == 200)
      #expect(isAtEnd)
      #expect(!ran.isOpen)
    }
  }

  @Test func `a client that leaves ends a producer that waits to write or writes rarely`()
    async throws
  {
    let outcomes = Collector<String>()
    let rest = Gate()
    let hooks = HTTPServerHooks(handler: { request in
      let isFull = request.pathSegments == ["full"]
      return HTTPResponse(status: 200) { stream in
        _ = await stream.write(Array("start".utf8))
        if isFull {
          while await stream.write([UInt8](repeating: 0x61, count: 64 << 10)) {}
          outcomes.add("full")
        } else if await rest.waitUnlessCancelled() {
          outcomes.add("idle")
        }
      }
    })
    try await withServer(hooks) { server in
      defer { rest.open() }
      let port = server.port
      try await onThread {
        for target in ["full", "idle"] {
          let client = try RawClient(port: port)
          client.send("GET /\(target) HTTP/1.1\r\nHost: h\r\n\r\n")
          _ = try client.readHead()
          _ = try client.readChunk()
          client.close()
        }
      }
      #expect(Set(await outcomes.first(2)) == ["full", "idle"])
    }
  }
}
