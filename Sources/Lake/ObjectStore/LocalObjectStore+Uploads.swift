import Glibc
import Model

extension LocalObjectStore {
  package func makeStagingFolder() throws(ObjectStoreError) -> String {
    let folder = "\(stagingFolder)/\(RandomHex.digits(24))"
    guard mkdir(folder, 0o700) == 0 else { throw FileSystem.failure("mkdir") }
    return folder
  }

  package func removeStagingFolder(_ folder: String) { FileSystem.removeTree(folder) }

  package func putUpload(
    _ upload: UploadID, _ files: [(localPath: String, name: String)]
  ) async throws(ObjectStoreError) {
    try await run { () throws(ObjectStoreError) in
      for file in files { try FileSystem.synchronize(file.localPath) }
      let folder = "\(uploadFolder)/\(upload.rawValue)"
      try FileSystem.makeFolders(folder)
      for file in files {
        let target = localPath(of: file.name, in: upload)
        try FileSystem.move(file.localPath, to: target, folder: folder, key: file.name)
      }
      try FileSystem.synchronize(folder)
    }
  }

  package func adopt(_ objects: [UploadedObject]) async throws(ObjectStoreError) {
    try await run { () throws(ObjectStoreError) in
      var folders: Set<String> = []
      for object in objects {
        let target = localPath(of: object.key)
        let folder = String(target[..<(target.lastIndex(of: "/") ?? target.endIndex)])
        try FileSystem.share(
          localPath(of: object.name, in: object.upload), as: target, folder: folder,
          key: object.key)
        folders.insert(folder)
      }
      for folder in folders { try FileSystem.synchronize(folder) }
    }
  }

  package func deleteUploads(_ uploads: [UploadID]) async throws(ObjectStoreError) {
    try await run { () throws(ObjectStoreError) in
      for upload in uploads { FileSystem.removeTree("\(uploadFolder)/\(upload.rawValue)") }
    }
  }

  package func uploads() async throws(ObjectStoreError) -> [StoredUpload] {
    try await run { () throws(ObjectStoreError) in
      var uploads: [StoredUpload] = []
      for name in try FileSystem.names(in: uploadFolder) {
        guard let status = try FileSystem.status("\(uploadFolder)/\(name)") else { continue }
        uploads.append(
          StoredUpload(
            upload: UploadID(name), modifiedAt: FileSystem.modificationTime(status)))
      }
      return uploads
    }
  }

  package func localPath(of name: String, in upload: UploadID) -> String {
    "\(uploadFolder)/\(upload.rawValue)/\(name)"
  }
}
