import Glibc
import Model
import Runtime

/// Remembers, past the end of the process, which ranges of events were being materialised.
///
/// A file for each tenant whose events are on their way: the first token of the range and how many
/// attempts at it have begun without coming to an end. What a start finds was left by a crash, or
/// by
/// whoever killed the process: both count. Nothing is flushed to disk, as a file must survive the
/// process and not the machine; nothing here may fail an attempt, so a file that cannot be written
/// or read is an attempt that is not counted.
///
/// The calls block; they are made on the materialisers' threads.
package final class AttemptLog: Sendable {
  /// A range of one tenant's events; as long as nothing is committed it begins at the same token.
  package struct Range: Equatable, Sendable {
    package let tenant: TenantID
    package let firstToken: VisibilityToken

    package init(tenant: TenantID, firstToken: VisibilityToken) {
      self.tenant = tenant
      self.firstToken = firstToken
    }
  }

  private struct Record: Equatable {
    /// Numbers of a fixed width: a file is written over in one piece.
    static let byteCount = 32
    private static let tokenDigits = 20
    private static let attemptDigits = 10

    let firstToken: VisibilityToken
    let attempts: Int

    init(firstToken: VisibilityToken, attempts: Int) {
      self.firstToken = firstToken
      self.attempts = min(attempts, AttemptLog.maximumAttempts)
    }

    /// - Returns: nil for bytes that `bytes` does not give.
    init?(_ bytes: [UInt8]) {
      guard bytes.count == Self.byteCount, bytes.last == UInt8(ascii: "\n") else { return nil }
      let parts = bytes.dropLast().split(separator: UInt8(ascii: " "))
      guard parts.count == 2, let token = Int64(String(decoding: parts[0], as: UTF8.self)),
        let attempts = Int(String(decoding: parts[1], as: UTF8.self)), token > 0, attempts > 0
      else { return nil }
      self.init(firstToken: VisibilityToken(token), attempts: attempts)
    }

    var bytes: [UInt8] {
      Array(
        (Self.padded(firstToken.rawValue, Self.tokenDigits) + " "
          + Self.padded(Int64(attempts), Self.attemptDigits) + "\n").utf8)
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
  }

  /// Crashes after which a range is under suspicion.
  static let toleratedCrashes = 2
  private static let maximumAttempts = 1_000_000
  /// Tenants remembered over a start, far more than fly at one time.
  private static let maximumTenants = 10_000
  /// A tenant that has not come back after a crash for so long is forgotten.
  private static let maximumAgeSeconds = 7 * 86_400

  private let folder: String
  /// Attempts that ended in a crash, of tenants that have not got through since.
  private let crashed: Lock<[TenantID: Record]>

  package init(folder: String) {
    self.folder = folder
    mkdir(folder, 0o700)
    crashed = Lock(Self.read(folder))
  }

  /// The tenants with a range under suspicion.
  package var suspects: Set<TenantID> {
    crashed.withLock { crashed in
      Set(crashed.filter { $0.value.attempts >= Self.toleratedCrashes }.keys)
    }
  }

  /// Notes that these ranges are about to be materialised.
  ///
  /// - Returns: the tenants whose range has crashed the process too often.
  package func begin(_ ranges: [Range]) -> Set<TenantID> {
    var suspects: Set<TenantID> = []
    for range in ranges {
      let crashes = crashes(of: range)
      if crashes >= Self.toleratedCrashes { suspects.insert(range.tenant) }
      write(Record(firstToken: range.firstToken, attempts: crashes + 1), of: range.tenant)
    }
    return suspects
  }

  /// Notes that the attempts did not end in a crash.
  ///
  /// One that failed is not counted; it takes back no earlier crash either, as nobody knows whether
  /// it came as far as what crashes.
  ///
  /// - Parameter committed: the tenants that got through, with which all is well again.
  package func end(_ ranges: [Range], committed: Set<TenantID>) {
    for range in ranges {
      if committed.contains(range.tenant) { crashed.withLock { $0[range.tenant] = nil } }
      let crashes = crashes(of: range)
      if crashes > 0 {
        write(Record(firstToken: range.firstToken, attempts: crashes), of: range.tenant)
      } else {
        unlink(path(of: range.tenant))
      }
    }
  }

  private func crashes(of range: Range) -> Int {
    crashed.withLock { crashed in
      guard let record = crashed[range.tenant] else { return 0 }
      if record.firstToken == range.firstToken { return record.attempts }
      // The range has been committed after all, just before the end.
      crashed[range.tenant] = nil
      return 0
    }
  }

  private func path(of tenant: TenantID) -> String { "\(folder)/\(tenant.rawValue)" }

  private func write(_ record: Record, of tenant: TenantID) {
    let descriptor = open(path(of: tenant), O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return }
    let bytes = record.bytes
    pwrite(descriptor, bytes, bytes.count, 0)
    close(descriptor)
  }

  /// What an earlier process left; what cannot be used is removed.
  private static func read(_ folder: String) -> [TenantID: Record] {
    guard let stream = opendir(folder) else { return [:] }
    defer { closedir(stream) }
    var records: [TenantID: Record] = [:]
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name != "." && name != ".." else { continue }
      let path = folder + "/" + name
      if let tenant = Int64(name), records.count < maximumTenants, let record = record(at: path) {
        records[TenantID(tenant)] = record
      } else {
        unlink(path)
      }
    }
    return records
  }

  /// - Returns: nil for a file that is damaged or too old.
  private static func record(at path: String) -> Record? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0,
      time(nil) - status.st_mtim.tv_sec < maximumAgeSeconds
    else { return nil }
    // One byte more than there should be, so that a longer file is known as damaged.
    var bytes = [UInt8](repeating: 0, count: Record.byteCount + 1)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    return count < 0 ? nil : Record(Array(bytes.prefix(count)))
  }
}
