import Glibc
import HTTPServer
import Testing

/// Many connections of one thread that have something to say at the same moment.
@Suite struct SimultaneousTests {
  /// One thread is held up until all have sent, so that it finds them all ready at once.
  ///
  /// The HTTP library asks the system for up to 128 events; the held connection has one as well.
  @Test(arguments: [126, 127, 128, 129, 254, 255])
  func `all are answered, however many are ready at once`(count: Int) async throws {
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    let (reading, writing) = (ends[0], ends[1])
    defer { for end in [reading, writing] { close(end) } }
    let isHeld = Gate()
    let hooks = HTTPServerHooks(
      handler: echo,
      decideOnHead: { head in
        if head.target.pathSegments == ["hold"] {
          isHeld.open()
          var byte: UInt8 = 0
          _ = read(reading, &byte, 1)
        }
        // Answered on the server's thread: nothing comes back to it from elsewhere to wake it.
        return .refuse(HTTPResponse(status: 401))
      })
    try await withServer(hooks, options: .forTests { $0.threads = 1 }) { server in
      let port = server.port
      let clients = try await onThread {
        Sent(
          try (0..<count).map { _ in
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            _ = try client.readAnswer()
            return client
          })
      }
      let holder = try await onThread {
        let client = try RawClient(port: port)
        client.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n")
        return Sent(client)
      }
      await isHeld.wait()
      let statuses = try await onThread { () throws -> [Int] in
        for client in clients.value { client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n") }
        var byte: UInt8 = 1
        guard write(writing, &byte, 1) == 1 else { return [] }
        return try (clients.value + [holder.value]).map { try $0.readAnswer().status }
      }
      #expect(statuses == Array(repeating: 401, count: count + 1))
    }
  }
}
