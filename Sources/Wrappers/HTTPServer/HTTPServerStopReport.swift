/// How a server's stop went.
package struct HTTPServerStopReport: Equatable, Sendable {
  /// Requests whose handlers were cancelled because the grace time was over.
  package var cancelledRequests = 0
  /// Handlers that had not returned when the server stopped waiting for them.
  package var unreturnedHandlers = 0

  package init(cancelledRequests: Int = 0, unreturnedHandlers: Int = 0) {
    self.cancelledRequests = cancelledRequests
    self.unreturnedHandlers = unreturnedHandlers
  }
}
