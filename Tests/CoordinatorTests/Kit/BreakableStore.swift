import ObjectStore
import Runtime

/// The local store, with what a test puts in the way of each `put`.
final class BreakableStore: ObjectStore {
  typealias Hook = @Sendable (_ objects: [StagedObject]) async throws(ObjectStoreError) -> Void

  private let local: LocalObjectStore
  private let hook = Lock<Hook?>(nil)
  private let stagingFolder = Lock<String?>(nil)

  init(_ local: LocalObjectStore) { self.local = local }

  /// Runs before each `put`; what it throws is what the caller gets.
  func beforePut(_ body: Hook?) { hook.withLock { $0 = body } }

  /// Lets files be staged elsewhere, such as where nothing can be written.
  func stage(in folder: String?) { stagingFolder.withLock { $0 = folder } }

  func stagingPath() -> String {
    let path = local.stagingPath()
    guard let folder = stagingFolder.withLock({ $0 }) else { return path }
    return folder + "/" + (path.split(separator: "/").last.map(String.init) ?? "")
  }

  func put(_ objects: [StagedObject]) async throws(ObjectStoreError) {
    if let hook = hook.withLock({ $0 }) { try await hook(objects) }
    try await local.put(objects)
  }

  func copy(_ objects: [ObjectCopy]) async throws(ObjectStoreError) {
    try await local.copy(objects)
  }

  func discard(stagedPaths: [String]) async throws(ObjectStoreError) {
    try await local.discard(stagedPaths: stagedPaths)
  }

  func byteCount(of key: String) async throws(ObjectStoreError) -> Int64? {
    try await local.byteCount(of: key)
  }

  func delete(_ keys: [String]) async throws(ObjectStoreError) { try await local.delete(keys) }

  func list(
    prefix: String, after key: String?, limit: Int
  ) async throws(ObjectStoreError) -> [StoredObject] {
    try await local.list(prefix: prefix, after: key, limit: limit)
  }

  func prepareFolder(_ prefix: String) async throws(ObjectStoreError) {
    try await local.prepareFolder(prefix)
  }

  func record(_ name: String) async throws(ObjectStoreError) -> [UInt8]? {
    try await local.record(name)
  }

  func writeRecord(_ name: String, _ content: [UInt8]) async throws(ObjectStoreError) {
    try await local.writeRecord(name, content)
  }

  func probe() async throws(ObjectStoreError) -> Int64? { try await local.probe() }

  func localPath(of key: String) -> String { local.localPath(of: key) }
}

/// Throws its error a number of times, then nothing any more.
final class FailingTimes: Sendable {
  private let left: Lock<Int>
  init(_ count: Int) { left = Lock(count) }

  var isFailing: Bool {
    left.withLock { left in
      left -= 1
      return left >= 0
    }
  }

  var isOver: Bool { left.withLock { $0 < 0 } }
}

/// A gate that holds those who come until it is opened, and tells when somebody is held.
final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var arrivals = 0
    var held: [OneShot<Void>] = []
  }

  private let state = Lock(State())

  var arrivals: Int { state.withLock { $0.arrivals } }

  func pass() async {
    let wait: OneShot<Void>? = state.withLock { state in
      state.arrivals += 1
      guard !state.isOpen else { return nil }
      let wait = OneShot<Void>()
      state.held.append(wait)
      return wait
    }
    await wait?.value(onCancel: ())
  }

  func open() {
    let held = state.withLock { state in
      defer { state.held = [] }
      state.isOpen = true
      return state.held
    }
    for wait in held { wait.decide(()) }
  }
}
