import Zlib
import Zstd

/// Undoes a body's `Content-Encoding` as the body arrives, and bounds what comes of it.
///
/// Confined to one caller at a time.
package final class ContentDecoder {
  package enum Encoding: String, Sendable, CaseIterable {
    case identity, gzip, zstd
  }

  private enum Decoder {
    case none
    case gzip(GzipDecoder)
    case zstd(ZstdDecoder)
  }

  private static let roomBytes = 256 << 10

  private let decoder: Decoder
  private let maximumBytes: Int
  private let room = UnsafeMutableRawBufferPointer.allocate(
    byteCount: ContentDecoder.roomBytes, alignment: 16)
  package private(set) var producedBytes = 0

  /// - Parameter maximumBytes: of the body once decompressed.
  package init(_ encoding: Encoding, maximumBytes: Int) throws(BatchError) {
    self.maximumBytes = maximumBytes
    do {
      decoder =
        switch encoding {
        case .identity: .none
        case .gzip: .gzip(try GzipDecoder())
        case .zstd: .zstd(try ZstdDecoder())
        }
    } catch {
      room.deallocate()
      throw .damagedCompression
    }
  }

  deinit { room.deallocate() }

  /// Hands the bytes that `input` stands for to `body`, in pieces.
  ///
  /// - Throws: `damagedCompression`, `bodyTooLarge`, and what `body` throws.
  package func decode(
    _ input: [UInt8], _ body: (UnsafeRawBufferPointer) throws(BatchError) -> Void
  ) throws(BatchError) {
    var failure: BatchError?
    input.withUnsafeBytes { bytes in
      do throws(BatchError) {
        try decode(bytes, body)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  private func decode(
    _ input: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws(BatchError) -> Void
  ) throws(BatchError) {
    if case .none = decoder { return try hand(input, to: body) }
    var rest = input
    while true {
      let step = try step(rest)
      rest = UnsafeRawBufferPointer(rebasing: rest[step.consumed...])
      if step.produced > 0 {
        try hand(UnsafeRawBufferPointer(rebasing: room[..<step.produced]), to: body)
      }
      if rest.isEmpty, step.produced < room.count { return }
    }
  }

  private func step(
    _ input: UnsafeRawBufferPointer
  ) throws(BatchError) -> (consumed: Int, produced: Int) {
    do {
      switch decoder {
      case .none: return (input.count, 0)
      case .gzip(let gzip):
        guard input.isEmpty else { return try gzip.decode(input, into: room) }
        return (0, try gzip.drain(into: room))
      case .zstd(let zstd): return try zstd.decode(input, into: room)
      }
    } catch {
      throw .damagedCompression
    }
  }

  private func hand(
    _ bytes: UnsafeRawBufferPointer, to body: (UnsafeRawBufferPointer) throws(BatchError) -> Void
  ) throws(BatchError) {
    producedBytes += bytes.count
    guard producedBytes <= maximumBytes else { throw .bodyTooLarge(maximum: maximumBytes) }
    try body(bytes)
  }

  /// Says that the body is at its end.
  ///
  /// - Throws: `damagedCompression` when it ends in the middle.
  package func finish() throws(BatchError) {
    do {
      switch decoder {
      case .none: break
      case .gzip(let gzip): try gzip.finish()
      case .zstd(let zstd): try zstd.finish()
      }
    } catch {
      throw .damagedCompression
    }
  }
}
