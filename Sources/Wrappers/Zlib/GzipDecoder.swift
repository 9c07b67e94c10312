import CZlib

/// Decompresses gzip data as it arrives, members one after another as `gzip -d` reads them.
///
/// Confined to one thread.
package final class GzipDecoder {
  // On the heap: zlib remembers the stream's address.
  private let stream: UnsafeMutablePointer<z_stream>
  private var isInsideMember = true
  private var hasEnded = false

  /// - Throws: `outOfMemory`.
  package init() throws(GzipError) {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    guard czlib_inflate_init_gzip(stream) == Z_OK else {
      stream.deallocate()
      throw .outOfMemory
    }
    self.stream = stream
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// Decompresses from `input` into `output` until one of them is used up.
  ///
  /// `isInsideMember` at the end of all input means that the data is cut short: call `finish`.
  /// Zero bytes after the last member (padding of tapes and blocks) are consumed and ignored.
  /// - Throws: `corrupt`, `outOfMemory`.
  package func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(GzipError) -> (consumed: Int, produced: Int) {
    var consumed = 0
    var produced = 0
    while consumed < input.count, produced < output.count {
      if !isInsideMember {
        if hasEnded || input[consumed] == 0 {
          guard input[consumed] == 0 else { throw .corrupt }
          hasEnded = true
          consumed += 1
          continue
        }
        guard inflateReset(stream) == Z_OK else { throw .corrupt }
        isInsideMember = true
      }
      let available = min(input.count - consumed, Int(UInt32.max))
      let room = min(output.count - produced, Int(UInt32.max))
      guard let source = input.baseAddress, let target = output.baseAddress else { break }
      // zlib's interface is not const, but it does not write to its input.
      let start = UnsafeMutableRawPointer(mutating: source + consumed)
      stream.pointee.next_in = start.assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_in = UInt32(available)
      stream.pointee.next_out = (target + produced).assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_out = UInt32(room)
      let status = inflate(stream, Z_NO_FLUSH)
      consumed += available - Int(stream.pointee.avail_in)
      produced += room - Int(stream.pointee.avail_out)
      switch status {
      case Z_OK, Z_BUF_ERROR: continue
      case Z_STREAM_END: isInsideMember = false
      case Z_MEM_ERROR: throw .outOfMemory
      default: throw .corrupt
      }
    }
    return (consumed, produced)
  }

  /// Decompresses what is still held inside for want of room; 0 when there is nothing.
  ///
  /// - Throws: `corrupt`, `outOfMemory`.
  package func drain(into output: UnsafeMutableRawBufferPointer) throws(GzipError) -> Int {
    guard isInsideMember, let target = output.baseAddress else { return 0 }
    let room = min(output.count, Int(UInt32.max))
    stream.pointee.next_in = nil
    stream.pointee.avail_in = 0
    stream.pointee.next_out = target.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(room)
    switch inflate(stream, Z_NO_FLUSH) {
    case Z_OK, Z_BUF_ERROR: break
    case Z_STREAM_END: isInsideMember = false
    case Z_MEM_ERROR: throw .outOfMemory
    default: throw .corrupt
    }
    return room - Int(stream.pointee.avail_out)
  }

  /// Says that all input was given.
  ///
  /// - Throws: `truncated` when it ends inside a member.
  package func finish() throws(GzipError) {
    if isInsideMember { throw .truncated }
  }
}
