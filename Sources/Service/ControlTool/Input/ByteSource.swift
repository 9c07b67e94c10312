import Glibc
import Zlib

/// The bytes of a file or of standard input, decompressed when they are gzip data.
///
/// Compression is recognised by the first two bytes, not by the name. A regular file can be read
/// again from its start. Confined to one thread.
package final class ByteSource {
  /// How soon a stream that is waited for notices a stop.
  private static let stopCheckMs: Int32 = 100

  /// As messages name it.
  package let name: String
  /// Told of all content from now on.
  var digest: ContentDigest?
  private let stop: StopSignal
  private let descriptor: Int32
  private let ownsDescriptor: Bool
  private let initialStatus: stat?
  private var compressed = [UInt8](repeating: 0, count: 256 * 1_024)
  private var compressedRange = 0..<0
  private var decoder: GzipDecoder?
  private var isOpened = false
  private var hasEnded = false

  /// Opens a file, or takes over standard input for `-`.
  ///
  /// - Throws: `unreadableInput`.
  ///
  /// - Parameter stop: ends the waiting for a stream's next bytes.
  package init(
    path: String, standardInput: Int32, stop: StopSignal = StopSignal()
  ) throws(ToolFailure) {
    self.stop = stop
    if path == "-" {
      name = "standard input"
      descriptor = standardInput
      ownsDescriptor = false
      initialStatus = nil
      return
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .unreadableInput(name: path, reason: String(cString: strerror(errno)))
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
      close(descriptor)
      throw .unreadableInput(name: path, reason: "is a folder")
    }
    name = path
    self.descriptor = descriptor
    ownsDescriptor = true
    initialStatus = status.st_mode & S_IFMT == S_IFREG ? status : nil
  }

  deinit {
    if ownsDescriptor { close(descriptor) }
  }

  /// Whether the same bytes can be read a second time.
  package var isRereadable: Bool {
    initialStatus != nil
  }

  /// Bytes as stored, compressed or not; nil when only reading to the end can tell.
  package var storedByteCount: Int? {
    initialStatus.map { Int($0.st_size) }
  }

  /// Reads into the buffer; 0 means the end.
  ///
  /// - Throws: `unreadableInput`, also for gzip data that is damaged or cut short and for a file
  ///   that was changed since it was opened.
  package func read(into output: UnsafeMutableRawBufferPointer) throws(ToolFailure) -> Int {
    let count = try readContent(into: output)
    digest?.update(UnsafeRawBufferPointer(rebasing: output[..<count]))
    return count
  }

  private func readContent(
    into output: UnsafeMutableRawBufferPointer
  ) throws(ToolFailure) -> Int {
    if hasEnded || output.isEmpty { return 0 }
    if !isOpened { try recogniseCompression() }
    guard let decoder else {
      if !compressedRange.isEmpty { return takeRecognised(into: output) }
      let count = try readStored(into: output)
      if count == 0 { try end() }
      return count
    }
    return try decode(decoder, into: output)
  }

  /// Whether a read would find nothing for so long. A regular file never is idle.
  func isIdle(forMs milliseconds: Int32) -> Bool {
    guard !isRereadable, !hasEnded, compressedRange.isEmpty else { return false }
    return !streamHasBytes(withinMs: milliseconds)
  }

  /// Starts again from the first byte. Only for a source that is rereadable.
  ///
  /// - Throws: `unreadableInput`.
  package func rewind() throws(ToolFailure) {
    guard lseek(descriptor, 0, SEEK_SET) == 0 else {
      throw unreadable(String(cString: strerror(errno)))
    }
    compressedRange = 0..<0
    decoder = nil
    isOpened = false
    hasEnded = false
  }

  private func decode(
    _ decoder: GzipDecoder, into output: UnsafeMutableRawBufferPointer
  ) throws(ToolFailure) -> Int {
    do {
      while true {
        if compressedRange.isEmpty {
          let drained = try decoder.drain(into: output)
          if drained > 0 { return drained }
          let count = try compressed.withUnsafeMutableBytes { try readStored(into: $0) }
          compressedRange = 0..<count
          if count == 0 {
            try decoder.finish()
            try end()
            return 0
          }
        }
        let (consumed, produced) = try compressed.withUnsafeBytes { bytes in
          try decoder.decode(UnsafeRawBufferPointer(rebasing: bytes[compressedRange]), into: output)
        }
        compressedRange = (compressedRange.lowerBound + consumed)..<compressedRange.upperBound
        if produced > 0 { return produced }
      }
    } catch let error as ToolFailure {
      throw error
    } catch {
      let isCut = error as? GzipError == .truncated
      throw unreadable(isCut ? "the gzip data ends too early" : "the gzip data is damaged")
    }
  }

  private func recogniseCompression() throws(ToolFailure) {
    isOpened = true
    var count = 0
    // A pipe may give a single byte first.
    while count < 2 {
      let filled = count
      let step = compressed.withUnsafeMutableBytes { buffer in
        Result { () throws(ToolFailure) in
          try readStored(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
        }
      }
      let more = try step.get()
      if more == 0 { break }
      count += more
    }
    compressedRange = 0..<count
    guard count >= 2, compressed[0] == 0x1F, compressed[1] == 0x8B else { return }
    do {
      decoder = try GzipDecoder()
    } catch {
      throw unreadable("not enough memory to decompress it")
    }
  }

  private func takeRecognised(into output: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(compressedRange.count, output.count)
    compressed.withUnsafeBytes { bytes in
      let start = compressedRange.lowerBound
      output.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<(start + count)]))
    }
    compressedRange = (compressedRange.lowerBound + count)..<compressedRange.upperBound
    return count
  }

  private func readStored(into output: UnsafeMutableRawBufferPointer) throws(ToolFailure) -> Int {
    while !isRereadable, !streamHasBytes(withinMs: Self.stopCheckMs) {
      if let reason = stop.reason { throw .interrupted(by: reason) }
    }
    while true {
      let count = Glibc.read(descriptor, output.baseAddress, output.count)
      if count >= 0 { return count }
      guard errno == EINTR else { throw unreadable(String(cString: strerror(errno))) }
    }
  }

  private func streamHasBytes(withinMs milliseconds: Int32) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    // An error, an interruption or the end shows in the read that follows.
    return poll(&request, 1, milliseconds) != 0
  }

  private func end() throws(ToolFailure) {
    hasEnded = true
    guard let initialStatus else { return }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size == initialStatus.st_size,
      status.st_mtim.tv_sec == initialStatus.st_mtim.tv_sec,
      status.st_mtim.tv_nsec == initialStatus.st_mtim.tv_nsec
    else { throw unreadable("the file was changed while it was read") }
  }

  private func unreadable(_ reason: String) -> ToolFailure {
    .unreadableInput(name: name, reason: reason)
  }
}
