import HTTPServer
import Testing

@Suite struct HostileBytesTests {
  /// SplitMix64, so that a failure can be repeated from its seed.
  struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  private static let seeds = [
    "POST /v1/ingest/t?x=%41 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      + "5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    "GET /a/b HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nConnection: keep-alive\r\n\r\n",
  ]

  static func hostile(_ number: Int) -> [UInt8] {
    var random = Random(state: UInt64(number))
    if number % 4 == 0 {
      return (0..<Int.random(in: 1...400, using: &random)).map { _ in random.next().lowByte }
    }
    var bytes = Array((seeds[number % 3] + seeds[(number + 1) % 3]).utf8)
    for _ in 0..<Int.random(in: 1...6, using: &random) {
      let index = Int.random(in: 0..<bytes.count, using: &random)
      switch random.next() % 4 {
      case 0: bytes[index] = random.next().lowByte
      case 1: bytes.remove(at: index)
      case 2: bytes.insert(contentsOf: Array("\r\n".utf8), at: index)
      default: bytes.insert(contentsOf: bytes[index...].prefix(30), at: index)
      }
    }
    return bytes
  }

  @Test func `no bytes a client sends make the server fail the next one`() async throws {
    let hooks = HTTPServerHooks(handler: echo, refusalResponse: wordedRefusal)
    try await withServer(hooks) { server in
      let port = server.port
      try await onThread {
        for number in 0..<1_500 {
          let client = try RawClient(port: port)
          client.send(Self.hostile(number))
          if number % 3 != 0 {
            client.finishSending()
            _ = try client.readToEnd()
          }
        }
      }
      #expect(try await get(port, "/after").text == "GET after 0\n")
    }
  }
}

extension UInt64 {
  fileprivate var lowByte: UInt8 { UInt8(truncatingIfNeeded: self) }
}
