#if DUCKMESH_RACE_CHECK
  import Glibc
#else
  import Synchronization
#endif

/// A mutual exclusion lock around the state that it guards.
///
/// It is the only lock of this package. Normally it is a `Synchronization.Mutex`; under
/// `-D DUCKMESH_RACE_CHECK` it is a pthread mutex, because the thread sanitizer does not see the
/// former and would report every guarded access as a race. It is not recursive, and nothing may
/// suspend or block for long inside `withLock`.
package struct Lock<State: ~Copyable>: ~Copyable, Sendable {
  #if DUCKMESH_RACE_CHECK
    @usableFromInline let storage: PthreadStorage<State>

    @inlinable
    package init(_ initial: consuming sending State) {
      storage = PthreadStorage(initial)
    }

    @inlinable
    package borrowing func withLock<Result: ~Copyable, Failure: Error>(
      _ body: (inout sending State) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
      storage.lock()
      defer { storage.unlock() }
      return try body(&storage.state.pointee)
    }
  #else
    @usableFromInline let mutex: Mutex<State>

    @inlinable
    package init(_ initial: consuming sending State) {
      mutex = Mutex(initial)
    }

    /// Runs the body with the state to itself, and gives back what the body returns.
    @inlinable
    package borrowing func withLock<Result: ~Copyable, Failure: Error>(
      _ body: (inout sending State) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
      try mutex.withLock(body)
    }
  #endif
}

#if DUCKMESH_RACE_CHECK
  /// The pthread mutex and the state, at addresses that never change.
  // Sendable by hand: the state is reached only between lock() and unlock().
  @usableFromInline
  final class PthreadStorage<State: ~Copyable>: @unchecked Sendable {
    @usableFromInline let state: UnsafeMutablePointer<State>
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    @usableFromInline
    init(_ initial: consuming State) {
      state = .allocate(capacity: 1)
      state.initialize(to: initial)
      mutex = .allocate(capacity: 1)
      let code = pthread_mutex_init(mutex, nil)
      precondition(code == 0, "pthread_mutex_init failed")
    }

    @usableFromInline
    func lock() {
      let code = pthread_mutex_lock(mutex)
      precondition(code == 0, "pthread_mutex_lock failed")
    }

    @usableFromInline
    func unlock() {
      let code = pthread_mutex_unlock(mutex)
      precondition(code == 0, "pthread_mutex_unlock failed")
    }

    deinit {
      pthread_mutex_destroy(mutex)
      mutex.deallocate()
      state.deinitialize(count: 1)
      state.deallocate()
    }
  }
#endif
