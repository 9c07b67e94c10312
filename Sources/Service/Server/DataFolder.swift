import Glibc

/// The embedded catalog's folder, which belongs to one process for as long as that lives.
///
/// The lock is the kernel's, on an open file that children do not inherit: it ends with the process
/// however the process ends.
final class DataFolder: Sendable {
  enum Failure: Error {
    case cannotCreate(path: String, reason: String)
    /// Another process has it; what it wrote about itself.
    case held(path: String, holder: String)
  }

  /// Absolute, without links.
  let path: String
  private let lock: Int32

  init(_ given: String) throws(Failure) {
    if mkdir(given, 0o755) != 0 && errno != EEXIST {
      throw .cannotCreate(path: given, reason: String(cString: strerror(errno)))
    }
    guard let resolved = realpath(given, nil) else {
      throw .cannotCreate(path: given, reason: String(cString: strerror(errno)))
    }
    path = String(cString: resolved)
    free(resolved)
    let lockPath = path + "/lock"
    let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw .cannotCreate(path: path, reason: String(cString: strerror(errno)))
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let holder = Self.read(descriptor)
      close(descriptor)
      throw .held(path: path, holder: holder)
    }
    lock = descriptor
    ftruncate(descriptor, 0)
    let text = "process \(getpid())\n"
    pwrite(descriptor, text, text.utf8.count, 0)
  }

  deinit { close(lock) }

  private static func read(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 128)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { return "an unnamed process" }
    return String(decoding: bytes.prefix(count).prefix { $0 != 10 }, as: UTF8.self)
  }

  /// Leaves the address that the server listens on where scripts and tests find it.
  func writeAddress(_ address: String) {
    let temporary = path + "/address.new"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { return }
    let text = address + "\n"
    write(descriptor, text, text.utf8.count)
    close(descriptor)
    // By rename, so that a reader never sees half of it.
    rename(temporary, path + "/address")
  }

  func removeAddress() { unlink(path + "/address") }
}
