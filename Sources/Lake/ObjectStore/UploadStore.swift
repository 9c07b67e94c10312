import Model

/// One file of an upload that becomes an object.
package struct UploadedObject: Sendable, Equatable {
  package let upload: UploadID
  package let name: String
  package let key: String

  package init(upload: UploadID, name: String, key: String) {
    self.upload = upload
    self.name = name
    self.key = key
  }
}

/// An upload whose files are there.
package struct StoredUpload: Sendable, Equatable {
  package let upload: UploadID
  package let modifiedAt: Timestamp

  package init(upload: UploadID, modifiedAt: Timestamp) {
    self.upload = upload
    self.modifiedAt = modifiedAt
  }
}

/// Where the files of uploads are before a commit names them: beside the lake's objects, never
/// among them, and in reach of every process that commits.
///
/// The lake's folder takes a file only when it is about to be named: whoever else cleans that
/// folder takes away what the catalog does not know.
package protocol UploadStore: Sendable {
  /// Makes a folder of this process for files that are being written. Blocks.
  ///
  /// It goes with the process, however that ends.
  func makeStagingFolder() throws(ObjectStoreError) -> String

  /// Takes a staging folder away with all in it. Blocks.
  func removeStagingFolder(_ folder: String)

  /// Makes staged files durable as an upload's, and takes the local ones away.
  func putUpload(
    _ upload: UploadID, _ files: [(localPath: String, name: String)]
  ) async throws(ObjectStoreError)

  /// Makes files of uploads durable as objects under their keys; the uploads keep them.
  func adopt(_ objects: [UploadedObject]) async throws(ObjectStoreError)

  /// Takes the files of uploads away; one that is not there is no error.
  func deleteUploads(_ uploads: [UploadID]) async throws(ObjectStoreError)

  /// Uploads with files, in no order.
  func uploads() async throws(ObjectStoreError) -> [StoredUpload]

  /// Where this machine finds a file of an upload.
  func localPath(of name: String, in upload: UploadID) -> String
}
