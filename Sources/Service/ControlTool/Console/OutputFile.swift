import Glibc

/// A file that appears under its name only when it is whole.
///
/// Until then its bytes stand beside it under a name of the process's own; what breaks off leaves
/// nothing behind, and a file that was there before stays as it was.
final class OutputFile {
  let writer: OutputWriter
  private let path: String
  private let partialPath: String
  private let descriptor: Int32
  private var isComplete = false

  /// - Throws: `outputFailed`.
  init(_ path: String) throws(ToolFailure) {
    self.path = path
    partialPath = "\(path).partial-\(getpid())"
    descriptor = open(partialPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Self.failure(path) }
    writer = OutputWriter(descriptor: descriptor)
  }

  deinit {
    guard !isComplete, descriptor >= 0 else { return }
    close(descriptor)
    unlink(partialPath)
  }

  /// Gives the file its name. Nothing can be written after it.
  ///
  /// - Throws: `outputFailed`; there is no file then.
  func complete() throws(ToolFailure) {
    do throws(OutputWriter.Failure) {
      try writer.flush()
    } catch {
      throw ToolFailure(error)
    }
    // Some file systems tell of a full disk only now.
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw Self.failure(path) }
    guard rename(partialPath, path) == 0 else { throw Self.failure(path) }
    close(descriptor)
    isComplete = true
  }

  private static func failure(_ path: String) -> ToolFailure {
    .outputFailed(reason: "\(path): \(String(cString: strerror(errno)))")
  }
}
