import Foundation

/// The paths of all files below a folder, relative to it; folders do not count.
package func files(below folder: String) throws -> [String] {
  try FileManager.default.subpathsOfDirectory(atPath: folder).filter { path in
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(
      atPath: folder + "/" + path, isDirectory: &isFolder)
    return exists && !isFolder.boolValue
  }
}
