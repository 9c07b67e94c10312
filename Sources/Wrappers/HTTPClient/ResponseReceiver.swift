/// Collects one response as libcurl delivers it, on the worker's thread.
final class ResponseReceiver {
  /// The head and trailers may hold this many bytes together.
  static let maximumHeaderBytes = 256 * 1_024

  private let sink: Transfer.Sink?
  private let maximumBodyBytes: Int
  private var status = 0
  private var headers: [(name: String, value: String)] = []
  private var trailers: [(name: String, value: String)] = []
  private(set) var headIsComplete = false
  private var headerBytes = 0
  private var body: [UInt8] = []
  private(set) var failure: HTTPClientError?

  init(sink: Transfer.Sink?, maximumBodyBytes: Int) {
    self.sink = sink
    self.maximumBodyBytes = maximumBodyBytes
  }

  func takeBody(_ chunk: UnsafeRawBufferPointer) -> Bool {
    if let sink, (200..<300).contains(status) {
      if sink(chunk) { return true }
      failure = .stoppedBySink
      return false
    }
    guard body.count + chunk.count <= maximumBodyBytes else {
      failure = .responseTooLarge(limitBytes: maximumBodyBytes)
      return false
    }
    body.append(contentsOf: chunk)
    return true
  }

  func takeHeaderLine(_ line: UnsafeRawBufferPointer) -> Bool {
    headerBytes += line.count
    guard headerBytes <= Self.maximumHeaderBytes else {
      failure = .responseTooLarge(limitBytes: Self.maximumHeaderBytes)
      return false
    }
    var end = line.count
    while end > 0, line[end - 1] == 0x0A || line[end - 1] == 0x0D { end -= 1 }
    let content = UnsafeRawBufferPointer(rebasing: line[..<end])
    if content.isEmpty {
      headIsComplete = true
    } else if content.starts(with: "HTTP/".utf8) {
      // An interim answer such as "100 Continue" came before; the last head is the one that counts.
      startHead(content)
    } else if let colon = content.firstIndex(of: 0x3A) {
      let name = String(decoding: content[..<colon], as: UTF8.self)
      let value = Self.trimmed(UnsafeRawBufferPointer(rebasing: content[(colon + 1)...]))
      if headIsComplete {
        trailers.append((name, value))
      } else {
        headers.append((name, value))
      }
    }
    return true
  }

  func response() -> ClientResponse {
    ClientResponse(status: status, headers: headers, trailers: trailers, body: body)
  }

  private func startHead(_ line: UnsafeRawBufferPointer) {
    let words = line.split(separator: 0x20, maxSplits: 2)
    status = words.count > 1 ? Int(String(decoding: words[1], as: UTF8.self)) ?? 0 : 0
    headers = []
    headIsComplete = false
  }

  private static func trimmed(_ bytes: UnsafeRawBufferPointer) -> String {
    var start = 0
    var end = bytes.count
    while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
    while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }
}
