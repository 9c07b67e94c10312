import Glibc
import Sandbox
import WorkerProtocol

/// Gives up everything that serving one tenant does not need.
///
/// The order matters: limits while they can be set, the user while the process is root, then files,
/// then system calls, because each step forbids the ones before it.
struct SandboxBinding {
  /// Beside the memory limit: what the engine takes without counting it.
  private static let uncountedBytes: UInt64 = 512 << 20
  /// Stack and allocator arena of a thread, as address space.
  private static let bytesPerThread: UInt64 = 80 << 20

  private let binding: BindMessage

  init(_ binding: BindMessage) {
    self.binding = binding
  }

  /// - Returns: every layer, with whether it stands.
  /// - Throws: when a mandatory layer is refused, or any layer in the mode `require`.
  func apply() throws -> [SandboxLayer] {
    var layers = try setLimits()
    try Sandbox.harden()
    layers.append(SandboxLayer(name: "no_new_privileges", holds: true, detail: "set"))
    if binding.mode == .off {
      for name in ["user", "capabilities", "landlock", "seccomp"] {
        layers.append(SandboxLayer(name: name, holds: false, detail: "switched off"))
      }
      return layers
    }
    layers.append(changeUser())
    layers.append(
      Self.layer("capabilities", "dropped") { () throws(SandboxError) in
        try Sandbox.dropCapabilities()
      })
    layers.append(restrictFiles())
    layers.append(
      Self.layer("seccomp", "allow-list") { () throws(SandboxError) in
        try Sandbox.restrictSystemCalls()
      })
    if binding.mode == .require {
      for layer in layers where !layer.holds && Self.isRequired(layer) {
        throw QueryWorkerError.layerMissing(layer.name, layer.detail)
      }
    }
    return layers
  }

  private static func isRequired(_ layer: SandboxLayer) -> Bool {
    layer.name == "landlock" || layer.name == "seccomp"
  }

  /// Mandatory in every mode.
  private func setLimits() throws -> [SandboxLayer] {
    let threads = UInt64(binding.threads) + 1
    let addressSpace =
      ProcessFacts.addressSpaceBytes() + binding.memoryLimitBytes + Self.uncountedBytes
      + Self.bytesPerThread * threads
    try Sandbox.set(.addressSpace, to: addressSpace)
    try Sandbox.set(.openFiles, to: UInt64(binding.openFileLimit))
    try Sandbox.set(.core, to: 0)
    try Sandbox.set(.fileSize, to: binding.temporaryLimitBytes)
    return [
      SandboxLayer(
        name: "address_space_limit", holds: true, detail: "\(addressSpace >> 20) MiB")
    ]
  }

  private func changeUser() -> SandboxLayer {
    func kept(_ reason: String) -> SandboxLayer {
      SandboxLayer(name: "user", holds: false, detail: "kept: \(reason)")
    }
    guard geteuid() == 0 else {
      return SandboxLayer(name: "user", holds: true, detail: "not root")
    }
    guard let user = binding.unprivilegedUserID else { return kept("no other user is configured") }
    for folder in binding.readableFolders + [binding.temporaryFolder] {
      guard Sandbox.canEnter(folder, asUser: user) else {
        return kept("user \(user) cannot read the data folder")
      }
    }
    return Self.layer("user", "user \(user)") { () throws(SandboxError) in
      try Sandbox.becomeUser(user)
    }
  }

  private func restrictFiles() -> SandboxLayer {
    do throws(SandboxError) {
      let available = try Sandbox.landlockABI()
      let abi = min(available, binding.landlockABILimit.map(Int.init) ?? available)
      guard abi > 0 else {
        return SandboxLayer(name: "landlock", holds: false, detail: "no ABI to use")
      }
      try Sandbox.restrictFiles(
        abi: abi, readOnly: binding.readableFolders, readWrite: [binding.temporaryFolder])
      return SandboxLayer(name: "landlock", holds: true, detail: "ABI \(abi)")
    } catch {
      return SandboxLayer(name: "landlock", holds: false, detail: error.description)
    }
  }

  private static func layer(
    _ name: String, _ detail: String, _ apply: () throws(SandboxError) -> Void
  ) -> SandboxLayer {
    do throws(SandboxError) {
      try apply()
      return SandboxLayer(name: name, holds: true, detail: detail)
    } catch {
      return SandboxLayer(name: name, holds: false, detail: error.description)
    }
  }
}
