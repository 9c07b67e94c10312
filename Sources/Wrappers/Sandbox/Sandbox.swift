internal import CSandbox

/// What the calling process can give up for itself. Nothing here can be taken back.
package enum Sandbox {
  package enum Limit {
    case addressSpace, openFiles, core, fileSize
  }

  /// The kernel's Landlock ABI; asked by system call, because /sys need not be mounted.
  ///
  /// - Throws: when the kernel has none or refuses it.
  package static func landlockABI() throws(SandboxError) -> Int {
    Int(try SandboxError.check(sandbox_landlock_abi()))
  }

  /// Lets the calling thread, and threads it makes from now on, reach only these folders.
  ///
  /// Threads that exist already are **not** bound: call it while there is one.
  ///
  /// - Parameter abi: how much to ask for, from 1 to what `landlockABI()` gives.
  package static func restrictFiles(
    abi: Int, readOnly: [String], readWrite: [String]
  ) throws(SandboxError) {
    let result = withCStrings(readOnly) { readOnly, readOnlyCount in
      withCStrings(readWrite) { readWrite, readWriteCount in
        sandbox_landlock_restrict(
          Int32(abi), readOnly, readOnlyCount, readWrite, readWriteCount)
      }
    }
    try SandboxError.check(result)
  }

  /// Lets all threads make only the system calls that a query needs; others fail with EPERM.
  package static func restrictSystemCalls() throws(SandboxError) {
    try SandboxError.check(sandbox_seccomp_restrict())
  }

  /// Sets a limit for good; a stricter one that stands already stays.
  package static func set(_ limit: Limit, to value: UInt64) throws(SandboxError) {
    let resource =
      switch limit {
      case .addressSpace: SANDBOX_LIMIT_ADDRESS_SPACE
      case .openFiles: SANDBOX_LIMIT_OPEN_FILES
      case .core: SANDBOX_LIMIT_CORE
      case .fileSize: SANDBOX_LIMIT_FILE_SIZE
      }
    try SandboxError.check(sandbox_set_limit(resource, value))
  }

  /// Lets the main thread's stack grow further, as far as the hard limit goes.
  package static func raiseMainStack(to bytes: UInt64) throws(SandboxError) {
    try SandboxError.check(sandbox_raise_stack(bytes))
  }

  /// No new privileges by exec, and no inspection by other processes of the same user.
  package static func harden() throws(SandboxError) {
    try SandboxError.check(sandbox_harden())
  }

  package static func dropCapabilities() throws(SandboxError) {
    try SandboxError.check(sandbox_drop_capabilities())
  }

  /// Whether that user could list the folder; asked as root, which the process stays.
  package static func canEnter(_ folder: String, asUser user: UInt32) -> Bool {
    sandbox_can_enter(user, folder) == 0
  }

  /// Becomes that user and group, without supplementary groups.
  package static func becomeUser(_ user: UInt32) throws(SandboxError) {
    try SandboxError.check(sandbox_drop_user(user))
  }

  /// A write over the file size limit gives an error instead of ending the process.
  package static func ignoreFileSizeSignal() {
    sandbox_ignore_file_size_signal()
  }

  /// Attempts an operation that must not work in a sandbox.
  ///
  /// - Returns: 0 when it worked, else the errno value; EINVAL also for an unknown operation.
  package static func probe(_ operation: String, path: String) -> Int32 {
    -sandbox_probe(operation, path)
  }

  private static func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?, Int) -> Result
  ) -> Result {
    let copies = strings.map { string in
      string.utf8CString.withUnsafeBufferPointer { source in
        let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: source.count)
        _ = copy.initialize(from: source)
        return copy
      }
    }
    defer { for copy in copies { copy.deallocate() } }
    let pointers = copies.map { UnsafePointer($0.baseAddress) }
    return pointers.withUnsafeBufferPointer { body($0.baseAddress, strings.count) }
  }
}
