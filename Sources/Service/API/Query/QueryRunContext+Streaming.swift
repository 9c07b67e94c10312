import HTTPServer
import Model
import Query
import Runtime
import WorkerProtocol

extension QueryRunContext {
  /// The answer as a stream whose status is settled when the first row is there.
  func streamed(contentType: String) async throws(APIError) -> HTTPResponse {
    let answer = StreamedAnswer()
    let work = BackgroundWork { [self] in
      do throws(QueryError) {
        finish(try await scan(into: answer))
      } catch {
        answer.fail(error)
      }
    }
    // The columns are known before the first row is computed; the status waits for that row, so
    // that a statement that fails before it is still answered with its error.
    let opening = await withTaskCancellationHandler {
      await Self.opening(of: answer)
    } onCancel: {
      answer.abandon()
      work.cancel()
    }
    switch opening {
    case .rows, .end: break
    case .failed(let error): throw refusal(error)
    case nil, .head:
      work.cancel()
      throw APIError(QueryError.cancelled)
    }
    return HTTPResponse(
      status: 200, fields: fields(contentType: contentType),
      trailerNames: ["X-DuckMesh-Truncated", "X-DuckMesh-Row-Count"]
    ) { stream in
      await Self.pump(answer, from: opening, into: stream)
      answer.abandon()
      work.cancel()
    }
  }

  /// The first event that is not the columns.
  private static func opening(of answer: StreamedAnswer) async -> StreamedAnswer.Event? {
    while let event = await answer.next() {
      if case .head = event { continue }
      return event
    }
    return nil
  }

  private func fields(contentType: String) -> [HTTPResponse.Field] {
    [
      .init("Content-Type", contentType),
      .init("X-Trace-ID", trace.traceId),
      .init("X-DuckMesh-Snapshot-ID", String(target.snapshot.id.rawValue)),
      .init("X-DuckMesh-Snapshot-Time", target.snapshot.time.rfc3339),
      .init("X-DuckMesh-Max-Visibility-Token", String(target.snapshot.watermark.rawValue)),
      .init("X-DuckMesh-Dead-Letter-Count", String(target.deadLetterCount)),
    ]
  }

  /// An error in mid-stream ends the connection without the final chunk, so that no client takes
  /// part of an answer for the whole.
  private static func pump(
    _ answer: StreamedAnswer, from opening: StreamedAnswer.Event?, into stream: ResponseStream
  ) async {
    var next = opening
    while let event = next {
      switch event {
      case .head: break
      case .rows(let bytes):
        guard await stream.write(bytes) else { return }
      case .end(let end):
        stream.finish(trailers: [
          .init("X-DuckMesh-Truncated", end.truncated ? "true" : "false"),
          .init("X-DuckMesh-Row-Count", String(end.rowCount)),
        ])
        return
      case .failed:
        stream.abort()
        return
      }
      next = await answer.next()
    }
    stream.abort()
  }
}
