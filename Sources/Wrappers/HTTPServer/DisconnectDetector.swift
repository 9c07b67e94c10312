import Glibc

/// Finds suspended connections whose clients have gone; the library does not look at those.
struct DisconnectDetector {
  /// `POLLRDHUP`, which Glibc's module does not offer.
  private static let peerHasClosed: Int16 = 0x2000

  private var seen: [(exchange: Exchange, suspension: Exchange.Suspension)] = []
  private var polled: [pollfd] = []

  mutating func note(_ exchange: Exchange, _ connection: Connection) {
    guard let suspension = exchange.suspension else { return }
    seen.append((exchange, suspension))
    polled.append(pollfd(fd: connection.descriptor, events: Self.peerHasClosed, revents: 0))
  }

  /// Asks the system about all at once. A socket that was closed and reused in between does no
  /// harm: its exchange is not in the suspension any more in which it was seen.
  mutating func reportGone() {
    defer {
      seen.removeAll(keepingCapacity: true)
      polled.removeAll(keepingCapacity: true)
    }
    guard !polled.isEmpty, poll(&polled, nfds_t(polled.count), 0) > 0 else { return }
    let gone = Self.peerHasClosed | Int16(POLLHUP) | Int16(POLLERR)
    for (index, entry) in polled.enumerated() where entry.revents & gone != 0 {
      seen[index].exchange.clientLeft(during: seen[index].suspension)
    }
  }
}
