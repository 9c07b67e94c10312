import CMicroHTTPD

/// The library's handle of one connection.
///
/// Suspending and answering are allowed inside the library's callbacks for this connection only;
/// resuming from any thread, exactly once for each suspension. A suspended connection cannot go
/// away, otherwise the handle is valid until the library reports it closed.
// Sendable because of that rule: resuming is thread-safe, the rest stays in callbacks.
struct MHDConnection: @unchecked Sendable {
  let pointer: OpaquePointer

  func suspend() { MHD_suspend_connection(pointer) }
  func resume() { MHD_resume_connection(pointer) }

  /// The status of the answer that is queued, or 0.
  var queuedStatus: Int { Int(duckmesh_mhd_status(pointer)) }

  func collectHeaders() -> HTTPHeaders {
    var headers = HTTPHeaders()
    withUnsafeMutablePointer(to: &headers) {
      _ = MHD_get_connection_values_n(pointer, .HEADER_KIND, collectHeader, $0)
    }
    return headers
  }
}

private func collectHeader(
  context: UnsafeMutableRawPointer?, kind: MHD_ValueKind, name: UnsafePointer<CChar>?,
  nameBytes: Int, value: UnsafePointer<CChar>?, valueBytes: Int
) -> MHD_Result {
  guard let headers = context?.assumingMemoryBound(to: HTTPHeaders.self) else { return .NO }
  headers.pointee.append(
    name: UnsafeRawBufferPointer(start: name, count: nameBytes),
    value: UnsafeRawBufferPointer(start: value, count: valueBytes))
  return .YES
}
