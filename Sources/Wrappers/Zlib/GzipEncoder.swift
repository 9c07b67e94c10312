import CZlib

/// Compresses a stream of bytes as one gzip member.
///
/// Confined to one thread at a time.
package final class GzipEncoder {
  private static let pieceBytes = 64 << 10

  // On the heap: zlib remembers the stream's address.
  private let stream: UnsafeMutablePointer<z_stream>

  /// - Parameter level: 1 is the fastest, 9 the smallest.
  /// - Throws: `outOfMemory`.
  package init(level: Int32) throws(GzipError) {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    guard czlib_deflate_init_gzip(stream, level) == Z_OK else {
      stream.deallocate()
      throw .outOfMemory
    }
    self.stream = stream
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
  }

  /// Takes bytes in; what comes out may be nothing yet.
  package func encode(_ bytes: [UInt8]) -> [UInt8] {
    run(bytes, Z_NO_FLUSH)
  }

  /// The rest of the member. Nothing can be encoded after it.
  package func finish() -> [UInt8] {
    run([], Z_FINISH)
  }

  private func run(_ bytes: [UInt8], _ mode: Int32) -> [UInt8] {
    var output: [UInt8] = []
    bytes.withUnsafeBytes { input in
      var rest = input[...]
      repeat {
        let part = rest.prefix(Int(UInt32.max))
        rest = rest.dropFirst(part.count)
        // zlib's interface is not const, but it does not write to its input.
        let start = UnsafeRawBufferPointer(rebasing: part).baseAddress
        stream.pointee.next_in = UnsafeMutableRawPointer(mutating: start)?
          .assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = UInt32(part.count)
        drain(mode, into: &output)
      } while !rest.isEmpty
    }
    return output
  }

  private func drain(_ mode: Int32, into output: inout [UInt8]) {
    var isFull = true
    while isFull {
      output += [UInt8](unsafeUninitializedCapacity: Self.pieceBytes) { piece, count in
        stream.pointee.next_out = piece.baseAddress
        stream.pointee.avail_out = UInt32(piece.count)
        // Of a stream that was set up right it can only say that there was nothing to do.
        let status = deflate(stream, mode)
        precondition(status != Z_STREAM_ERROR, "a gzip stream is used after its end")
        count = piece.count - Int(stream.pointee.avail_out)
        isFull = stream.pointee.avail_out == 0
      }
    }
  }
}
