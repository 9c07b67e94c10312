import Foundation
import Glibc
import Runtime
import TestSupport

/// One `duckmesh` process of the cluster: it is killed, paused and started again, each time at
/// another address, and reaches PostgreSQL by a relay of its own.
final class TortureProcess: Sendable {
  struct Place: Sendable {
    let name: String
    let roles: String
    /// The process's own user of PostgreSQL, by which its sessions are told from others'.
    let user: String
    let folder: String
    let settings: [String: String]
  }

  private struct State {
    var child: ChildProcess?
    var address: String?
    /// Somebody is at work on the process: a kill that has not been made good, a pause.
    var isTaken = false
  }

  let place: Place
  let proxy: FaultProxy
  private let state = Lock(State())
  private let clock = SystemMonotonicClock()

  init(_ place: Place, proxy: FaultProxy) throws {
    self.place = place
    self.proxy = proxy
    try FileManager.default.createDirectory(
      atPath: place.folder, withIntermediateDirectories: true)
  }

  var name: String { place.name }
  var logPath: String { place.folder + "/server.log" }
  func has(_ role: String) -> Bool { place.roles.split(separator: ",").contains { $0 == role } }

  /// Where it listens; nil while it does not run or has not said so yet.
  var address: String? { state.withLock { $0.address } }
  var isRunning: Bool { state.withLock { $0.child }?.isRunning ?? false }

  /// Whether a signal holds the process.
  var isStopped: Bool {
    guard let pid = state.withLock({ $0.child })?.pid else { return false }
    let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") ?? Data()
    // The state follows the name, which may hold anything but ends with the last parenthesis.
    return String(decoding: data, as: UTF8.self).split(separator: ")").last?.hasPrefix(" T")
      ?? false
  }

  /// Takes the process for a fault; false when another fault has it.
  func take() -> Bool {
    state.withLock { state in
      defer { state.isTaken = true }
      return !state.isTaken
    }
  }

  func give() { state.withLock { $0.isTaken = false } }

  /// Starts the process and returns at once.
  func spawn(_ more: [String: String] = [:]) async throws {
    unlink(place.folder + "/data/address")
    let child = try await ServerProcess.spawn(
      place.settings.merging(more) { _, given in given }, dataFolder: place.folder + "/data",
      log: logPath)
    state.withLock { state in
      state.child = child
      state.address = nil
    }
  }

  /// Waits until the process listens.
  ///
  /// - Returns: false when it has ended, or when it has not listened for that long.
  func listens(withinSeconds seconds: Int) async throws -> Bool {
    let file = place.folder + "/data/address"
    let deadline = clock.now.advanced(byMs: seconds * 1_000)
    repeat {
      // One that was killed has left its address behind.
      guard isRunning else { return false }
      if let data = FileManager.default.contents(atPath: file), data.last == 0x0A || data.count > 12
      {
        let address = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
        state.withLock { $0.address = address }
        return true
      }
      try await clock.sleep(until: clock.now.advanced(byMs: 20))
    } while clock.now < deadline
    return false
  }

  /// Starts the process again and again until it listens: PostgreSQL may be away at the moment.
  ///
  /// - Returns: whether it listens in the end.
  func startUntilItListens(withinSeconds seconds: Int) async throws -> Bool {
    let deadline = clock.now.advanced(byMs: seconds * 1_000)
    while clock.now < deadline {
      try await spawn()
      if try await listens(withinSeconds: seconds) { return true }
      await kill9()
      try await clock.sleep(until: clock.now.advanced(byMs: 100))
    }
    return false
  }

  /// Without effect on a process that has ended.
  func signal(_ number: Int32) { state.withLock { $0.child }?.send(number) }

  func kill9() async {
    signal(SIGKILL)
    _ = await ended(withinSeconds: 60)
  }

  /// How the process ended, or that it still runs.
  func ended(withinSeconds seconds: Int) async -> ChildProcess.Ending {
    guard let child = state.withLock({ $0.child }) else { return .stillRunning }
    let ending = await child.end(withinSeconds: seconds)
    if ending != .stillRunning { state.withLock { $0.address = nil } }
    return ending
  }
}
