import Glibc

/// Finds connections whose clients have gone while the library does not look, or has overlooked it:
/// it does not watch suspended connections, and it can miss an end that came with the last bytes.
struct DisconnectDetector {
  /// `POLLRDHUP`, which Glibc's module does not offer.
  static let peerHasClosed: Int16 = 0x2000
  static let gone = peerHasClosed | Int16(POLLHUP) | Int16(POLLERR)

  private enum Watched {
    case suspended(Exchange, Exchange.Suspension)
    case receiving(Connection)
  }

  private var watched: [Watched] = []
  private var polled: [pollfd] = []

  mutating func note(_ exchange: Exchange?, of connection: Connection) {
    if let exchange, let suspension = exchange.suspension {
      watched.append(.suspended(exchange, suspension))
    } else if exchange?.isReceiving != false {
      watched.append(.receiving(connection))
    } else {
      return
    }
    polled.append(pollfd(fd: connection.descriptor, events: Self.peerHasClosed, revents: 0))
  }

  /// Asks the system about all at once. A socket that was closed and reused in between does no
  /// harm: what follows looks again, or the exchange is not in the suspension in which it was seen.
  mutating func reportGone() {
    defer {
      watched.removeAll(keepingCapacity: true)
      polled.removeAll(keepingCapacity: true)
    }
    guard !polled.isEmpty, poll(&polled, nfds_t(polled.count), 0) > 0 else { return }
    for (index, entry) in polled.enumerated() where entry.revents & Self.gone != 0 {
      switch watched[index] {
      case .suspended(let exchange, let suspension): exchange.clientLeft(during: suspension)
      case .receiving(let connection): connection.shutDownIfAtEnd()
      }
    }
  }
}
