import Glibc
import Model
import Runtime

/// Remembers, past the end of the process, which ranges of events were being materialised.
///
/// A file with a place for each tenant whose events are on their way: the first token of the range
/// and how many attempts at it have begun without coming to an end. What a start finds was left by
/// a crash, or by whoever killed the process: both count. Nothing is flushed to disk, as the file
/// must survive the process and not the machine; nothing here may fail an attempt, so what cannot
/// be written or read is an attempt that is not counted.
///
/// One file, because a file for each tenant costs as much as the tenant's few rows do.
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

  /// Crashes after which a range is under suspicion.
  static let toleratedCrashes = 2
  /// Tenants remembered over a start, far more than fly at one time.
  private static let maximumTenants = 65_536
  /// A tenant that has not come back after a crash for so long is forgotten.
  private static let maximumAgeSeconds = 7 * 86_400

  private let file: AttemptFile
  private let state: Lock<State>

  fileprivate struct State {
    /// Attempts that ended in a crash, of tenants that have not got through since.
    var crashed: [TenantID: AttemptRecord] = [:]
    var places = AttemptPlaces()
  }

  /// - Parameter folder: for the file; made here if need be.
  package init(folder: String) {
    mkdir(folder, 0o700)
    file = AttemptFile(folder: folder)
    let oldest = AttemptRecord.now - Self.maximumAgeSeconds
    var state = State()
    for (place, record) in file.read(atMost: Self.maximumTenants) {
      guard record.seconds >= oldest, state.crashed[record.tenant] == nil else {
        file.clear(place)
        continue
      }
      state.crashed[record.tenant] = record
      state.places.take(place, for: record.tenant)
    }
    self.state = Lock(state)
  }

  /// The tenants with a range under suspicion.
  package var suspects: Set<TenantID> {
    state.withLock { state in
      Set(state.crashed.filter { $0.value.attempts >= Self.toleratedCrashes }.keys)
    }
  }

  /// Notes that these ranges are about to be materialised.
  ///
  /// - Returns: the tenants whose range has crashed the process too often.
  package func begin(_ ranges: [Range]) -> Set<TenantID> {
    state.withLock { state in
      var suspects: Set<TenantID> = []
      for range in ranges {
        let crashes = state.crashes(of: range)
        if crashes >= Self.toleratedCrashes { suspects.insert(range.tenant) }
        file.write(
          AttemptRecord(range, attempts: crashes + 1), at: state.places.place(of: range.tenant))
      }
      return suspects
    }
  }

  /// Notes that the attempts did not end in a crash.
  ///
  /// One that failed is not counted; it takes back no earlier crash either, as nobody knows whether
  /// it came as far as what crashes.
  ///
  /// - Parameter committed: the tenants that got through, with which all is well again.
  package func end(_ ranges: [Range], committed: Set<TenantID>) {
    state.withLock { state in
      for range in ranges {
        if committed.contains(range.tenant) { state.crashed[range.tenant] = nil }
        let crashes = state.crashes(of: range)
        if crashes > 0 {
          file.write(
            AttemptRecord(range, attempts: crashes), at: state.places.place(of: range.tenant))
        } else if let place = state.places.leave(range.tenant) {
          file.clear(place)
        }
      }
    }
  }
}

extension AttemptLog.State {
  fileprivate mutating func crashes(of range: AttemptLog.Range) -> Int {
    guard let record = crashed[range.tenant] else { return 0 }
    if record.firstToken == range.firstToken { return record.attempts }
    // The range has been committed after all, just before the end.
    crashed[range.tenant] = nil
    return 0
  }
}
