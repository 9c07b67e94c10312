import Glibc
import Sandbox

extension StagingConfinement {
  struct Refused: Error {}

  /// Beside the memory limit: what the engine takes without counting it.
  private static let uncountedBytes: UInt64 = 1 << 30
  /// Stack and allocator arena of a thread, as address space.
  private static let bytesPerThread: UInt64 = 80 << 20
  private static let openFiles: UInt64 = 64
  /// A small file can unfold to a very large one.
  private static let fileBytes: UInt64 = 32 << 30

  /// Gives up all but one folder and the socket; on the process's only thread.
  ///
  /// - Throws: when a layer is refused that must stand.
  func apply(folder: String, memoryBytes: Int, threads: Int) throws {
    try Sandbox.set(.core, to: 0)
    try Sandbox.set(.openFiles, to: Self.openFiles)
    Sandbox.ignoreFileSizeSignal()
    try Sandbox.set(.fileSize, to: Self.fileBytes)
    try Sandbox.set(
      .addressSpace,
      to: Self.addressSpaceBytes() + UInt64(memoryBytes) + Self.uncountedBytes
        + Self.bytesPerThread * UInt64(threads + 1))
    try Sandbox.harden()
    guard self != .off else { return }
    // Each layer forbids the ones before it.
    try layer { try Sandbox.dropCapabilities() }
    try layer {
      try Sandbox.restrictFiles(
        abi: Sandbox.landlockABI(), readOnly: [], readWrite: [folder])
    }
    try layer { try Sandbox.restrictSystemCalls() }
  }

  private func layer(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch {
      if self == .require { throw Refused() }
    }
  }

  private static func addressSpaceBytes() -> UInt64 {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
    return UInt64(strtoul(line, nil, 10)) * UInt64(sysconf(Int32(_SC_PAGESIZE)))
  }
}
