import HTTPClient
import Synchronization

/// Passes a streamed answer on as it arrives.
struct RowStream {
  let console: Console
  let output: OutputWriter

  /// - Throws: `refused`, `unreachable` also for an answer that broke off, `outputClosed`.
  func pass(_ request: ClientRequest, over connection: ServerConnection) throws(ToolFailure) {
    let state = StreamState()
    let response: ClientResponse
    do throws(HTTPClientError) {
      response = try connection.client.downloadBlocking(request) {
        [output] chunk in
        state.hasRows.withLock { $0 = true }
        do throws(OutputWriter.Failure) {
          try output.write(chunk)
          return true
        } catch {
          state.failure.withLock { $0 = ToolFailure(error) }
          return false
        }
      }
    } catch {
      if let failure = state.failure.withLock({ $0 }) { throw failure }
      if state.hasRows.withLock({ $0 }) {
        console.note("The output is incomplete: the query failed after its first rows.")
      }
      throw ToolFailure(error)
    }
    guard (200..<300).contains(response.status) else { throw .refused(ServerRefusal(response)) }
    let flag = "X-DuckMesh-Truncated"
    if (response.trailer(flag) ?? response.header(flag))?.lowercased() == "true" {
      console.note("The output is cut at the row limit; --row-limit raises it.")
    }
  }
}

/// What the sink, on the client's thread, has to tell.
private final class StreamState: Sendable {
  let hasRows = Mutex(false)
  let failure = Mutex<ToolFailure?>(nil)
}
