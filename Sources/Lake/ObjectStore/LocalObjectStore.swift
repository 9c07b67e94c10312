import Glibc
import Model
import Runtime

/// Objects as files below one folder of this machine.
///
/// `lake/` holds the objects; `staging/`, beside it and on the same file system, the files that
/// are being written, so that making one an object is one rename; `records/` the records. The
/// folder may be one that several machines share; then each process has a staging folder of its
/// own.
package struct LocalObjectStore: ObjectStore {
  private let lakeFolder: String
  private let stagingFolder: String
  private let recordFolder: String
  private let executor: BlockingExecutor
  /// Held for as long as the store is used.
  private let sharedStaging: SharedStaging?

  /// Makes the folders below `root` and clears what an earlier process left in staging.
  ///
  /// - Parameters:
  ///   - root: absolute, without a trailing slash.
  ///   - isShared: whether other processes use the folder at the same time.
  package init(
    root: String, isShared: Bool = false, executor: BlockingExecutor
  ) throws(ObjectStoreError) {
    lakeFolder = root + "/lake"
    recordFolder = root + "/records"
    self.executor = executor
    try FileSystem.makeFolders(lakeFolder)
    guard !isShared else {
      let staging = try SharedStaging(parent: root + "/staging")
      sharedStaging = staging
      stagingFolder = staging.folder
      return
    }
    sharedStaging = nil
    stagingFolder = root + "/staging"
    try FileSystem.makeFolders(stagingFolder)
    for name in try FileSystem.names(in: stagingFolder) { unlink(stagingFolder + "/" + name) }
  }

  package func stagingPath() -> String { "\(stagingFolder)/\(RandomHex.digits(24)).parquet" }

  package func localPath(of key: String) -> String { "\(lakeFolder)/\(key)" }

  package func put(_ objects: [StagedObject]) async throws(ObjectStoreError) {
    try await run { () throws(ObjectStoreError) in
      // The contents before the names, the names before the folders: whatever a power cut leaves
      // under a name is whole.
      for object in objects { try FileSystem.synchronize(object.localPath) }
      var folders: Set<String> = []
      for object in objects {
        let target = localPath(of: object.key)
        let folder = String(target[..<(target.lastIndex(of: "/") ?? target.endIndex)])
        try FileSystem.move(object.localPath, to: target, folder: folder, key: object.key)
        folders.insert(folder)
      }
      for folder in folders { try FileSystem.synchronize(folder) }
    }
  }

  package func copy(_ objects: [ObjectCopy]) async throws(ObjectStoreError) {
    try await run { () throws(ObjectStoreError) in
      var folders: Set<String> = []
      for object in objects {
        let target = localPath(of: object.key)
        // Both names are of one file, which never changes.
        guard link(localPath(of: object.source), target) == 0 else {
          switch errno {
          case EEXIST: throw .exists(key: object.key)
          case ENOENT: throw .notFound(key: object.source)
          default: throw FileSystem.failure("link")
          }
        }
        folders.insert(String(target[..<(target.lastIndex(of: "/") ?? target.endIndex)]))
      }
      for folder in folders { try FileSystem.synchronize(folder) }
    }
  }

  package func discard(stagedPaths: [String]) async throws(ObjectStoreError) {
    try await run { () throws(ObjectStoreError) in
      for path in stagedPaths where unlink(path) != 0 && errno != ENOENT {
        throw FileSystem.failure("discard")
      }
    }
  }

  package func byteCount(of key: String) async throws(ObjectStoreError) -> Int64? {
    try await run { () throws(ObjectStoreError) in
      try FileSystem.status(localPath(of: key)).map { Int64($0.st_size) }
    }
  }

  package func delete(_ keys: [String]) async throws(ObjectStoreError) {
    try await run { () throws(ObjectStoreError) in
      for key in keys where unlink(localPath(of: key)) != 0 && errno != ENOENT {
        throw FileSystem.failure("delete")
      }
    }
  }

  package func list(
    prefix: String, after key: String?, limit: Int
  ) async throws(ObjectStoreError) -> [StoredObject] {
    try await run { () throws(ObjectStoreError) in
      var objects: [StoredObject] = []
      try collect(folder: "", prefix: prefix, after: key ?? "", limit: limit, into: &objects)
      return objects
    }
  }

  private func collect(
    folder: String, prefix: String, after key: String, limit: Int,
    into objects: inout [StoredObject]
  ) throws(ObjectStoreError) {
    // A folder sorts as its name with the slash, which is how keys below it sort.
    var entries: [(name: String, status: stat)] = []
    for name in try FileSystem.names(in: lakeFolder + "/" + folder) {
      guard let status = try FileSystem.status("\(lakeFolder)/\(folder)\(name)") else { continue }
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      entries.append((isFolder ? name + "/" : name, status))
    }
    for entry in entries.sorted(by: { $0.name < $1.name }) {
      guard objects.count < limit else { return }
      let path = folder + entry.name
      guard path.hasPrefix(prefix) || prefix.hasPrefix(path) else { continue }
      if path.hasSuffix("/") {
        // Nothing below a folder that ends before `key` can come after it.
        if key.hasPrefix(path) || path > key {
          try collect(folder: path, prefix: prefix, after: key, limit: limit, into: &objects)
        }
      } else if path > key, path.hasPrefix(prefix) {
        let modified = entry.status.st_mtim
        objects.append(
          StoredObject(
            key: path, byteCount: Int64(entry.status.st_size),
            modifiedAt: Timestamp(
              microseconds: Int64(modified.tv_sec) * 1_000_000 + Int64(modified.tv_nsec) / 1_000)))
      }
    }
  }

  package func prepareFolder(_ prefix: String) async throws(ObjectStoreError) {
    try await run { () throws(ObjectStoreError) in
      try FileSystem.makeFolders(localPath(of: prefix))
    }
  }

  package func record(_ name: String) async throws(ObjectStoreError) -> [UInt8]? {
    try await run { () throws(ObjectStoreError) in
      try FileSystem.read("\(recordFolder)/\(name)", atMost: Self.recordLimit)
    }
  }

  package func writeRecord(
    _ name: String, _ content: [UInt8]
  ) async throws(ObjectStoreError) {
    try await run { () throws(ObjectStoreError) in
      let path = stagingPath()
      try FileSystem.write(content, to: path)
      try FileSystem.makeFolders(recordFolder)
      guard rename(path, "\(recordFolder)/\(name)") == 0 else {
        throw FileSystem.failure("rename")
      }
      try FileSystem.synchronize(recordFolder)
    }
  }

  /// Far above what a record holds.
  private static let recordLimit = 65_536

  package func probe() async throws(ObjectStoreError) -> Int64? {
    try await run { () throws(ObjectStoreError) in
      let path = stagingPath()
      try FileSystem.write([1], to: path)
      unlink(path)
      var status = statvfs()
      guard statvfs(lakeFolder, &status) == 0 else { throw FileSystem.failure("statvfs") }
      return Int64(status.f_bavail) * Int64(status.f_frsize)
    }
  }

  /// Runs blocking calls on the store's own threads.
  private func run<Value: Sendable>(
    _ body: @escaping @Sendable () throws(ObjectStoreError) -> Value
  ) async throws(ObjectStoreError) -> Value {
    let result: Result<Value, ObjectStoreError>
    do {
      result = try await executor.run { Result(catching: body) }
    } catch {
      throw .unavailable(reason: "too many file operations wait")
    }
    return try result.get()
  }
}
