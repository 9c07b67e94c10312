import Glibc
import Model

/// The file system calls of the local store, with their errors told apart.
enum FileSystem {
  static func failure(_ operation: String) -> ObjectStoreError {
    let code = errno
    if code == ENOSPC || code == EDQUOT { return .storageFull }
    return .unavailable(reason: "\(operation): \(String(cString: strerror(code)))")
  }

  /// Makes a folder and those above it, each durable in the one above.
  static func makeFolders(_ path: String) throws(ObjectStoreError) {
    var made = ""
    for part in path.split(separator: "/", omittingEmptySubsequences: true) {
      let above = made.isEmpty ? "/" : made
      made += "/" + part
      if mkdir(made, 0o755) == 0 {
        try synchronize(above)
      } else if errno != EEXIST {
        throw failure("mkdir")
      }
    }
  }

  static func names(in folder: String) throws(ObjectStoreError) -> [String] {
    guard let stream = opendir(folder) else {
      if errno == ENOENT { return [] }
      throw failure("opendir")
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  /// - Returns: nil when nothing is there.
  static func status(_ path: String) throws(ObjectStoreError) -> stat? {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      // A parent that is no folder is a store out of its place, not a file that is gone.
      if errno == ENOENT { return nil }
      throw failure("stat")
    }
    return status
  }

  /// Forces a file's content, or a folder's names, to disk.
  static func synchronize(_ path: String) throws(ObjectStoreError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("open") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure("fsync") }
  }

  /// Gives a file its final name, making its folder if need be; never replaces one.
  static func move(
    _ source: String, to target: String, folder: String, key: String
  ) throws(ObjectStoreError) {
    try share(source, as: target, folder: folder, key: key)
    guard unlink(source) == 0 else { throw failure("unlink") }
  }

  /// Gives a file another name, making its folder if need be; never replaces one.
  static func share(
    _ source: String, as target: String, folder: String, key: String
  ) throws(ObjectStoreError) {
    // link(2) refuses an existing name, which rename(2) would replace.
    if link(source, target) != 0 {
      if errno == ENOENT {
        try makeFolders(folder)
        guard link(source, target) == 0 else { throw failure("link") }
      } else if errno == EEXIST {
        throw .exists(key: key)
      } else {
        throw failure("link")
      }
    }
    // Readers may run as another user. Whoever may look into the folder may read the file, whatever
    // the umask of this run is.
    if let folderStatus = try status(folder), folderStatus.st_mode & 0o005 == 0o005 {
      guard chmod(target, 0o644) == 0 else { throw failure("chmod") }
    }
  }

  /// Removes a file, or a folder with all in it, as far as that is possible.
  static func removeTree(_ path: String) {
    if unlink(path) == 0 || errno == ENOENT { return }
    for name in (try? names(in: path)) ?? [] { removeTree(path + "/" + name) }
    rmdir(path)
  }

  static func modificationTime(_ status: stat) -> Timestamp {
    let modified = status.st_mtim
    return Timestamp(
      microseconds: Int64(modified.tv_sec) * 1_000_000 + Int64(modified.tv_nsec) / 1_000)
  }

  /// - Returns: nil when nothing is there.
  static func read(_ path: String, atMost limit: Int) throws(ObjectStoreError) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw failure("open")
    }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: limit)
    var count = 0
    while count < limit {
      let step = bytes.withUnsafeMutableBytes { rest in
        Glibc.read(descriptor, rest.baseAddress.map { $0 + count }, limit - count)
      }
      guard step >= 0 else { throw failure("read") }
      if step == 0 { break }
      count += step
    }
    return Array(bytes.prefix(count))
  }

  static func write(_ bytes: [UInt8], to path: String) throws(ObjectStoreError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure("create") }
    defer { close(descriptor) }
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
      throw failure("write")
    }
  }
}
