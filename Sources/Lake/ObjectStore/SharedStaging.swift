import Glibc
import Model

/// The staging folder of one process beside those of others, on a file system that all share.
///
/// A lock on a file beside the folder says that its process lives; it goes with the process however
/// that ends. Whoever starts takes away the folders whose locks are free.
final class SharedStaging: Sendable {
  /// Absolute, without a trailing slash.
  let folder: String
  private let lock: Int32

  /// - Parameter parent: where all processes have their staging folders.
  init(parent: String) throws(ObjectStoreError) {
    try FileSystem.makeFolders(parent)
    let name = RandomHex.digits(16)
    // Held before the folder is there: a folder without a held lock is nobody's.
    let descriptor = try Self.lockNew(parent + "/" + name + Self.lockSuffix)
    do throws(ObjectStoreError) {
      try FileSystem.makeFolders(parent + "/" + name)
    } catch {
      close(descriptor)
      throw error
    }
    lock = descriptor
    folder = parent + "/" + name
    try Self.sweep(parent, except: name)
  }

  deinit { close(lock) }

  private static let lockSuffix = ".lock"

  private static func lockNew(_ path: String) throws(ObjectStoreError) -> Int32 {
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
      guard descriptor >= 0 else { throw FileSystem.failure("open") }
      // Somebody who sweeps may have taken the file away before it was locked.
      var held = stat()
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &held) == 0,
        let named = try FileSystem.status(path), named.st_ino == held.st_ino
      {
        return descriptor
      }
      close(descriptor)
    }
  }

  private static func sweep(_ parent: String, except own: String) throws(ObjectStoreError) {
    for name in try FileSystem.names(in: parent) {
      guard name.hasSuffix(lockSuffix), !name.hasPrefix(own) else { continue }
      let lockPath = parent + "/" + name
      let descriptor = open(lockPath, O_RDWR | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { continue }
      let folder = parent + "/" + name.dropLast(lockSuffix.count)
      FileSystem.removeTree(folder)
      unlink(lockPath)
    }
  }
}
