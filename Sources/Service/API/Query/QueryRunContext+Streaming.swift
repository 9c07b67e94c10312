import HTTPServer
import Model
import Query
import Runtime
import WorkerProtocol

extension QueryRunContext {
  /// The answer as a stream whose status is settled when the first row is there.
  func streamed() async throws(APIError) -> HTTPResponse {
    let encoder: BodyEncoder?
    do throws(BodyEncoder.Failure) {
      encoder = try BodyEncoder(form.coding, on: services.compression)
    } catch {
      throw .unavailable("compression")
    }
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
      status: 200, fields: fields,
      trailerNames: ["X-DuckMesh-Truncated", "X-DuckMesh-Row-Count"]
    ) { stream in
      await Self.pump(answer, from: opening, through: encoder, into: stream)
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

  private var fields: [HTTPResponse.Field] {
    let type = form.format.mediaType
    return [
      .init("Content-Type", form.format == .csv ? type + "; header=present" : type),
      .init("X-Trace-ID", trace.traceId),
      .init("X-DuckMesh-Snapshot-ID", String(target.snapshot.id.rawValue)),
      .init("X-DuckMesh-Snapshot-Time", target.snapshot.time.rfc3339),
      .init("X-DuckMesh-Max-Visibility-Token", String(target.snapshot.watermark.rawValue)),
      .init("X-DuckMesh-Dead-Letter-Count", String(target.deadLetterCount)),
    ] + Self.fields(of: form.coding)
  }

  /// An error in mid-stream ends the connection without the final chunk, so that no client takes
  /// part of an answer for the whole.
  private static func pump(
    _ answer: StreamedAnswer, from opening: StreamedAnswer.Event?,
    through encoder: BodyEncoder?, into stream: ResponseStream
  ) async {
    var next = opening
    while let event = next {
      switch event {
      case .head: break
      case .rows(let bytes):
        guard let coded = await Self.coded(bytes, encoder) else { return stream.abort() }
        guard await stream.write(coded) else { return }
      case .end(let end):
        if let encoder {
          guard let last = try? await encoder.finish() else { return stream.abort() }
          guard await stream.write(last) else { return }
        }
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

  /// - Returns: nil when the bytes cannot be compressed.
  private static func coded(_ bytes: [UInt8], _ encoder: BodyEncoder?) async -> [UInt8]? {
    guard let encoder else { return bytes }
    return try? await encoder.encode(bytes)
  }
}
