import Model

/// Why the object store could not do what was asked.
package enum ObjectStoreError: Error, Equatable, Sendable {
  case notFound(key: String)
  /// Names are never reused: an object that is there already is a bug of ours.
  case exists(key: String)
  case storageFull
  case unavailable(reason: String)
}

/// One object.
package struct StoredObject: Sendable, Equatable {
  package let key: String
  package let byteCount: Int64
  package let modifiedAt: Timestamp

  package init(key: String, byteCount: Int64, modifiedAt: Timestamp) {
    self.key = key
    self.byteCount = byteCount
    self.modifiedAt = modifiedAt
  }
}

/// An object that is to be there under a further key.
package struct ObjectCopy: Sendable, Equatable {
  package let source: String
  package let key: String

  package init(source: String, key: String) {
    self.source = source
    self.key = key
  }
}

/// A finished local file that is to become an object.
package struct StagedObject: Sendable, Equatable {
  package let localPath: String
  package let key: String

  package init(localPath: String, key: String) {
    self.localPath = localPath
    self.key = key
  }
}

/// Where the lake's files are.
///
/// Keys are relative paths with `/`. An object never changes and its key is never used again.
package protocol ObjectStore: Sendable {
  /// A path on this machine, not there yet, at which a file for `put` can be written.
  func stagingPath() -> String

  /// Makes staged files durable under their keys and takes the local files away.
  ///
  /// When it returns, every object outlives a power cut. When it throws, any of them may be there,
  /// and the local files may be as well.
  func put(_ objects: [StagedObject]) async throws(ObjectStoreError)

  /// Gives objects further keys, under which they stay when those of the sources are deleted.
  ///
  /// As durable as `put`, and as uncertain when it throws.
  func copy(_ objects: [ObjectCopy]) async throws(ObjectStoreError)

  /// Takes away staged files that will not be put; one that is not there is no error.
  func discard(stagedPaths: [String]) async throws(ObjectStoreError)

  /// - Returns: nil when there is no such object.
  func byteCount(of key: String) async throws(ObjectStoreError) -> Int64?

  /// Deletes objects; one that is not there is no error.
  func delete(_ keys: [String]) async throws(ObjectStoreError)

  /// Objects whose key begins with `prefix` and comes after `key`, in key order.
  func list(
    prefix: String, after key: String?, limit: Int
  ) async throws(ObjectStoreError) -> [StoredObject]

  /// Makes a folder ready for readers that are confined to it.
  func prepareFolder(_ prefix: String) async throws(ObjectStoreError)

  /// Writes, reads back and deletes a small object.
  ///
  /// - Returns: free bytes, or nil where there is no such bound.
  func probe() async throws(ObjectStoreError) -> Int64?

  /// The content of a record; nil when there is none.
  ///
  /// Records stand beside the objects, never among them: they are few and small, and unlike an
  /// object a record can be replaced. `list` does not name them.
  func record(_ name: String) async throws(ObjectStoreError) -> [UInt8]?

  /// Replaces a record as a whole. When it returns, the new content outlives a power cut; when it
  /// throws, the old one or the new one is there.
  func writeRecord(_ name: String, _ content: [UInt8]) async throws(ObjectStoreError)

  /// Where a reader on this machine finds an object or a folder.
  func localPath(of key: String) -> String
}
