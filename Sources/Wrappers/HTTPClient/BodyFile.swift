import Glibc

/// A file that is sent as a request's body, open for as long as this lives.
final class BodyFile {
  let pointer: UnsafeMutablePointer<FILE>
  let byteCount: Int

  init?(path: String) {
    guard let file = fopen(path, "re") else { return nil }
    var status = stat()
    guard fstat(fileno(file), &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      fclose(file)
      return nil
    }
    pointer = file
    byteCount = Int(status.st_size)
  }

  deinit { fclose(pointer) }
}
