import Runtime
import Zlib
import Zstd

/// Compresses an answer piece by piece, on threads that are there for it.
///
/// Whoever uses it waits for a piece before giving the next.
final class BodyEncoder: Sendable {
  /// The body cannot be compressed to its end.
  struct Failure: Error {}

  private static let gzipLevel: Int32 = 4
  private static let zstdLevel: Int32 = 1

  private enum Encoder {
    case gzip(GzipEncoder)
    case zstd(ZstdEncoder)

    func encode(_ bytes: [UInt8]) throws -> [UInt8] {
      switch self {
      case .gzip(let encoder): encoder.encode(bytes)
      case .zstd(let encoder): try encoder.encode(bytes)
      }
    }

    func finish() throws -> [UInt8] {
      switch self {
      case .gzip(let encoder): encoder.finish()
      case .zstd(let encoder): try encoder.finish()
      }
    }
  }

  // Used by one thread of the executor at a time, and pieces are awaited one after the other.
  private nonisolated(unsafe) let encoder: Encoder
  private let executor: BlockingExecutor

  /// - Returns: nil for `identity`.
  /// - Throws: `Failure`.
  init?(_ coding: ContentCoding, on executor: BlockingExecutor) throws(Failure) {
    self.executor = executor
    do {
      switch coding {
      case .identity: return nil
      case .gzip: encoder = .gzip(try GzipEncoder(level: Self.gzipLevel))
      case .zstd: encoder = .zstd(try ZstdEncoder(level: Self.zstdLevel))
      }
    } catch {
      throw Failure()
    }
  }

  /// The compressed form of some bytes; what comes out may be nothing yet.
  func encode(_ bytes: [UInt8]) async throws(Failure) -> [UInt8] {
    do {
      return try await executor.run { [self] in try encoder.encode(bytes) }
    } catch {
      throw Failure()
    }
  }

  /// The compressed form of the last bytes, and the end.
  func finish(_ bytes: [UInt8] = []) async throws(Failure) -> [UInt8] {
    do {
      return try await executor.run { [self] in
        let last = bytes.isEmpty ? [] : try encoder.encode(bytes)
        return last + (try encoder.finish())
      }
    } catch {
      throw Failure()
    }
  }
}
