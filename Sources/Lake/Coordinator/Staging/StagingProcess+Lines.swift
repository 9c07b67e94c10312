extension StagingProcess {
  /// Says that the file is whole, and has each piece of its rows as lines of JSON: the child was
  /// begun for these. Call it instead of `finish`.
  ///
  /// - Parameter body: takes whole lines; returns whether it wants more.
  /// - Throws: what `finish` throws; after that and after a `body` that wants no more the child is
  ///   gone.
  package func forEachLines<Failure: Error>(
    _ body: ([UInt8]) throws(Failure) -> Bool
  ) throws(StagingError) -> Result<Void, Failure> {
    do throws(StagingSocketError) {
      try exchange(atMostSeconds: options.frameTimeoutSeconds) {
        deadline throws(StagingSocketError) in
        try socket.send(.finish, [], until: deadline)
      }
    } catch {
      throw outcome(of: error)
    }
    while true {
      let frame: (kind: StagingSocket.Kind, body: [UInt8])
      do throws(StagingSocketError) {
        frame = try exchange(atMostSeconds: options.replyTimeoutSeconds) {
          deadline throws(StagingSocketError) in
          try socket.receive(
            until: deadline, longestLines: RowLines.longestFrame(row: options.longestRow))
        }
      } catch {
        throw outcome(of: error)
      }
      guard frame.kind == .lines, !frame.body.isEmpty else {
        _ = try conclude(frame)
        return .success(())
      }
      do throws(Failure) {
        guard try !body(frame.body) else { continue }
        end()
        return .success(())
      } catch {
        end()
        return .failure(error)
      }
    }
  }
}
