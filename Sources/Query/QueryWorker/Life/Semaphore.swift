import Glibc

/// A counting semaphore over the kernel's futex alone: libdispatch would start threads and open
/// descriptors that a sandboxed process does without.
final class Semaphore: Sendable {
  // Allocated once and touched by sem_* only, which any thread may call.
  private nonisolated(unsafe) let storage: UnsafeMutablePointer<sem_t>

  init() {
    storage = .allocate(capacity: 1)
    sem_init(storage, 0, 0)
  }

  deinit {
    sem_destroy(storage)
    storage.deallocate()
  }

  func wait() {
    while sem_wait(storage) != 0 && errno == EINTR {}
  }

  func signal() {
    sem_post(storage)
  }
}
