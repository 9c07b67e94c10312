import Synchronization

/// Contexts of zstd that wait to be used again: making one takes longer than a small frame, and its
/// memory is fresh from the kernel each time.
final class ZstdContextPool: Sendable {
  /// Idle contexts kept; more frames than that may be worked on at once.
  private static let maxIdle = 8
  /// One that a large frame has made larger than this is not kept.
  private static let maxRetainedBytes = 4 << 20

  // Sendable: a context is either in the pool or with the one call that took it out.
  private final class Context: @unchecked Sendable {
    let handle: OpaquePointer
    private let free: @Sendable (OpaquePointer) -> Void

    init(_ handle: OpaquePointer, free: @escaping @Sendable (OpaquePointer) -> Void) {
      self.handle = handle
      self.free = free
    }

    deinit { free(handle) }
  }

  private let make: @Sendable () -> OpaquePointer?
  private let free: @Sendable (OpaquePointer) -> Void
  private let byteCount: @Sendable (OpaquePointer) -> Int
  private let idle = Mutex<[Context]>([])

  init(
    make: @escaping @Sendable () -> OpaquePointer?,
    free: @escaping @Sendable (OpaquePointer) -> Void,
    byteCount: @escaping @Sendable (OpaquePointer) -> Int
  ) {
    self.make = make
    self.free = free
    self.byteCount = byteCount
  }

  /// Lends a context to a call that resets it by itself, as zstd's calls for one whole frame do.
  ///
  /// - Parameter body: says whether it succeeded; a context that has failed is not used again.
  func withContext(_ body: (OpaquePointer) -> Bool) {
    let context = take()
    guard body(context.handle), byteCount(context.handle) <= Self.maxRetainedBytes else { return }
    idle.withLock { if $0.count < Self.maxIdle { $0.append(context) } }
  }

  private func take() -> Context {
    if let context = idle.withLock({ $0.popLast() }) { return context }
    guard let handle = make() else { preconditionFailure("zstd ran out of memory") }
    return Context(handle, free: free)
  }
}
