import CZstd

/// Whole-buffer compression with Zstandard (RFC 8878).
package enum Zstd {
  package enum Failure: Error, Equatable {
    /// The bytes are not one whole Zstandard frame.
    case damaged
    /// The frame says it is larger than the caller allows, or does not say.
    case tooLarge
  }

  private static let compressors = ZstdContextPool(
    make: { ZSTD_createCCtx() }, free: { ZSTD_freeCCtx($0) },
    byteCount: { ZSTD_sizeof_CCtx($0) })
  private static let decompressors = ZstdContextPool(
    make: { ZSTD_createDCtx() }, free: { ZSTD_freeDCtx($0) },
    byteCount: { ZSTD_sizeof_DCtx($0) })

  /// Compresses `bytes` as one frame that records its decompressed size.
  ///
  /// - Parameter level: 1 is the fastest of zstd's ordinary levels.
  package static func compress(_ bytes: [UInt8], level: Int32 = 1) -> [UInt8] {
    let bound = ZSTD_compressBound(bytes.count)
    return [UInt8](unsafeUninitializedCapacity: bound) { target, count in
      compressors.withContext { context in
        let written = ZSTD_compressCCtx(
          context, target.baseAddress, bound, bytes, bytes.count, level)
        // With a target of compressBound bytes only an allocation failure is left.
        precondition(ZSTD_isError(written) == 0, "zstd ran out of memory")
        count = written
        return true
      }
    }
  }

  /// Decompresses one frame made by `compress`.
  ///
  /// - Parameter limit: the largest decompressed size accepted, in bytes.
  package static func decompress(_ frame: [UInt8], limit: Int) throws(Failure) -> [UInt8] {
    let size = ZSTD_getFrameContentSize(frame, frame.count)
    // The two highest values mean "unknown" and "error".
    guard size < UInt64.max - 1 else { throw .damaged }
    guard size <= UInt64(limit) else { throw .tooLarge }
    var failed = false
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(size)) { target, count in
      decompressors.withContext { context in
        let written = ZSTD_decompressDCtx(
          context, target.baseAddress, Int(size), frame, frame.count)
        failed = ZSTD_isError(written) != 0 || written != Int(size)
        count = failed ? 0 : written
        return !failed
      }
    }
    guard !failed else { throw .damaged }
    return bytes
  }
}
