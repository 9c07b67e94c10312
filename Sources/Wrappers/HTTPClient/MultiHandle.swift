import CCurl

/// Owns a libcurl multi handle: one worker's connection and its waiting.
///
/// Only `wake` may be called from other threads, and only while the owner is known to hold it.
// Unchecked: other threads only call `wake`, which libcurl allows; all else is the worker's alone.
final class MultiHandle: @unchecked Sendable {
  let pointer: UnsafeMutableRawPointer

  init?() {
    guard let pointer = curl_multi_init() else { return nil }
    self.pointer = pointer
    // A worker talks to a few hosts in turn; more idle connections only burden the servers.
    _ = ccurl_multi_set_long(pointer, CURLMOPT_MAXCONNECTS, 4)
  }

  deinit {
    curl_multi_cleanup(pointer)
  }

  func wake() {
    curl_multi_wakeup(pointer)
  }
}
