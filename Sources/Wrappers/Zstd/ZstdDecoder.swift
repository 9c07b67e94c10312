import CZstd

/// Decompresses Zstandard data as it arrives, frames one after another as `zstd -d` reads them.
///
/// Confined to one thread.
package final class ZstdDecoder {
  package enum Failure: Error, Equatable {
    case outOfMemory
    case damaged
    /// The input ends inside a frame.
    case truncated
  }

  /// The largest window that is kept, as a power of two: 128 MiB, which `zstd -d` takes as well.
  private static let longestWindow: Int32 = 27

  private let stream: OpaquePointer
  private var isInsideFrame = false

  /// - Throws: `outOfMemory`.
  package init() throws(Failure) {
    guard let stream = ZSTD_createDStream() else { throw .outOfMemory }
    guard ZSTD_isError(ZSTD_initDStream(stream)) == 0,
      ZSTD_isError(ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, Self.longestWindow)) == 0
    else {
      ZSTD_freeDStream(stream)
      throw .outOfMemory
    }
    self.stream = stream
  }

  deinit { ZSTD_freeDStream(stream) }

  /// Decompresses from `input` into `output` until one of them is used up.
  ///
  /// With all input consumed there may be more to come: call again with no input until nothing is
  /// produced.
  /// - Throws: `damaged`.
  package func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(Failure) -> (consumed: Int, produced: Int) {
    var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    repeat {
      let before = (source.pos, target.pos)
      let left = ZSTD_decompressStream(stream, &target, &source)
      guard ZSTD_isError(left) == 0 else { throw .damaged }
      // Zero says that a frame is complete and all of it was handed out.
      isInsideFrame = left != 0
      if before == (source.pos, target.pos) { break }
    } while target.pos < target.size && (source.pos < source.size || isInsideFrame)
    return (source.pos, target.pos)
  }

  /// Says that all input was given and all output taken.
  ///
  /// - Throws: `truncated`.
  package func finish() throws(Failure) {
    if isInsideFrame { throw .truncated }
  }
}
