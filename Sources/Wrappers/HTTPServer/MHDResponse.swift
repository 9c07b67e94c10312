import CMicroHTTPD

/// The library's form of an answer, made on the library's thread and queued at once.
struct MHDResponse: ~Copyable {
  private let pointer: OpaquePointer

  /// Bodies above this are read by the library piecewise instead of being copied whole.
  private static let copiedBodyBytes = 64 << 10
  private static let blockBytes = 64 << 10

  /// - Returns: nil when memory is short.
  init?(bytes: [UInt8]) {
    let made: OpaquePointer?
    if bytes.count <= Self.copiedBodyBytes {
      made = bytes.withUnsafeBytes {
        MHD_create_response_from_buffer(
          $0.count, UnsafeMutableRawPointer(mutating: $0.baseAddress), .RESPMEM_MUST_COPY)
      }
    } else {
      let source = Unmanaged.passRetained(WholeBody(bytes))
      made = MHD_create_response_from_callback(
        UInt64(bytes.count), Self.blockBytes, readWholeBody, source.toOpaque(), releaseWholeBody)
      if made == nil { source.release() }
    }
    guard let made else { return nil }
    pointer = made
  }

  /// - Returns: nil when memory is short.
  init?(stream: ResponseStream, connection: Connection) {
    let source = Unmanaged.passRetained(StreamedBody(stream, connection))
    let unknownSize = UInt64.max
    guard
      let made = MHD_create_response_from_callback(
        unknownSize, Self.blockBytes, readStreamedBody, source.toOpaque(), releaseStreamedBody)
    else {
      source.release()
      return nil
    }
    source.takeUnretainedValue().response = made
    pointer = made
  }

  /// Leaves chunks out and ends the connection: to a HEAD request the library would otherwise send
  /// the final chunk of a body that must not be there.
  borrowing func endByClose() {
    _ = duckmesh_mhd_end_by_close(pointer)
  }

  deinit {
    MHD_destroy_response(pointer)
  }

  /// - Returns: whether the field can be sent; the library refuses line breaks and blanks in names.
  borrowing func add(_ name: String, _ value: String) -> Bool {
    // An empty value says nothing and the library does not take it.
    value.isEmpty || MHD_add_response_header(pointer, name, value) == .YES
  }

  borrowing func queue(on handle: MHDConnection, status: Int) -> MHD_Result {
    MHD_queue_response(handle.pointer, UInt32(truncatingIfNeeded: status), pointer)
  }
}

private final class WholeBody {
  let bytes: [UInt8]

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }
}

/// Used by the library's thread alone, from its queueing to its release.
private final class StreamedBody {
  let stream: ResponseStream
  let connection: Connection
  var response: OpaquePointer?

  init(_ stream: ResponseStream, _ connection: Connection) {
    self.stream = stream
    self.connection = connection
  }
}

private let endOfStream = -1
private let endWithError = -2

private func readWholeBody(
  context: UnsafeMutableRawPointer?, position: UInt64, buffer: UnsafeMutablePointer<CChar>?,
  capacity: Int
) -> Int {
  guard let context, let buffer else { return endWithError }
  let bytes = Unmanaged<WholeBody>.fromOpaque(context).takeUnretainedValue().bytes
  let start = Int(position)
  let count = min(capacity, bytes.count - start)
  guard count > 0 else { return endOfStream }
  bytes.withUnsafeBytes {
    UnsafeMutableRawPointer(buffer).copyMemory(
      from: UnsafeRawBufferPointer(rebasing: $0[start..<(start + count)]).baseAddress!,
      byteCount: count)
  }
  return count
}

private func releaseWholeBody(context: UnsafeMutableRawPointer?) {
  if let context { Unmanaged<WholeBody>.fromOpaque(context).release() }
}

private func readStreamedBody(
  context: UnsafeMutableRawPointer?, position: UInt64, buffer: UnsafeMutablePointer<CChar>?,
  capacity: Int
) -> Int {
  guard let context, let buffer else { return endWithError }
  let body = Unmanaged<StreamedBody>.fromOpaque(context).takeUnretainedValue()
  let space = UnsafeMutableRawBufferPointer(start: buffer, count: capacity)
  switch body.stream.pull(into: space, body.connection.handle) {
  case .bytes(let count): return count
  case .parked: return 0
  case .failed:
    // To an error the library reacts by forgetting the connection until something else happens to
    // it, without closing the socket. A byte that cannot be sent any more ends it at once.
    body.connection.shutDown()
    return 1
  case .finished(let trailers):
    // The library sends fields added by now after the final chunk.
    for trailer in trailers where !trailer.value.isEmpty {
      _ = MHD_add_response_footer(body.response, trailer.name, trailer.value)
    }
    return endOfStream
  }
}

private func releaseStreamedBody(context: UnsafeMutableRawPointer?) {
  guard let context else { return }
  Unmanaged<StreamedBody>.fromOpaque(context).takeRetainedValue().stream.detach()
}
