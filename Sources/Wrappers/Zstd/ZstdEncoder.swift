import CZstd

/// Compresses a stream of bytes as one Zstandard frame of unknown size.
///
/// Confined to one thread at a time.
package final class ZstdEncoder {
  package struct OutOfMemory: Error {
    package init() {}
  }

  private let context: OpaquePointer

  /// - Parameter level: 1 is the fastest of zstd's ordinary levels.
  package init(level: Int32) throws(OutOfMemory) {
    guard let context = ZSTD_createCCtx() else { throw OutOfMemory() }
    self.context = context
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
  }

  deinit { ZSTD_freeCCtx(context) }

  /// Takes bytes in; what comes out may be nothing yet.
  package func encode(_ bytes: [UInt8]) throws(OutOfMemory) -> [UInt8] {
    try run(bytes, ZSTD_e_continue)
  }

  /// The rest of the frame. What is encoded after it begins another.
  package func finish() throws(OutOfMemory) -> [UInt8] {
    try run([], ZSTD_e_end)
  }

  private func run(
    _ bytes: [UInt8], _ mode: ZSTD_EndDirective
  ) throws(OutOfMemory) -> [UInt8] {
    var output: [UInt8] = []
    var hasFailed = false
    bytes.withUnsafeBytes { source in
      var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
      var isDone = false
      while !isDone, !hasFailed {
        let size = ZSTD_CStreamOutSize()
        output += [UInt8](unsafeUninitializedCapacity: size) { piece, count in
          var target = ZSTD_outBuffer(dst: piece.baseAddress, size: size, pos: 0)
          let rest = ZSTD_compressStream2(context, &target, &input, mode)
          // What it holds by itself fails only for want of memory.
          hasFailed = ZSTD_isError(rest) != 0
          count = target.pos
          isDone = mode == ZSTD_e_end ? rest == 0 : input.pos == input.size
        }
      }
    }
    guard !hasFailed else { throw OutOfMemory() }
    return output
  }
}
