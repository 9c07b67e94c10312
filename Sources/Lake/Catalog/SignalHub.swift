import Model
import Runtime

/// Hands signals to the subscribers of one process, each with a bounded buffer of its own.
///
/// A subscriber that falls behind loses what is buffered and gets `.missed` in its place.
package final class SignalHub: Sendable {
  private struct State {
    var mailboxes: [Int: SignalMailbox] = [:]
    var nextID = 0
    var isClosed = false
  }

  private let state = Lock(State())
  private let bufferLimit: Int

  /// - Parameter bufferLimit: signals that wait for one subscriber.
  package init(bufferLimit: Int = 1_024) { self.bufferLimit = bufferLimit }

  package func publish(_ signal: LakeSignal) {
    let mailboxes = state.withLock { Array($0.mailboxes.values) }
    for mailbox in mailboxes { mailbox.put(signal) }
  }

  package func subscribe() -> AsyncStream<LakeSignal> {
    let mailbox = SignalMailbox(limit: bufferLimit)
    mailbox.put(.missed)
    let id: Int? = state.withLock { state in
      guard !state.isClosed else { return nil }
      state.nextID += 1
      state.mailboxes[state.nextID] = mailbox
      return state.nextID
    }
    if id == nil { mailbox.close() }
    let subscription = Subscription(hub: self, id: id)
    return AsyncStream {
      // Held by the stream: when the stream goes, so does the mailbox.
      _ = subscription
      return await mailbox.next()
    }
  }

  /// Ends every stream.
  package func close() {
    let mailboxes: [SignalMailbox] = state.withLock { state in
      state.isClosed = true
      defer { state.mailboxes = [:] }
      return Array(state.mailboxes.values)
    }
    for mailbox in mailboxes { mailbox.close() }
  }

  fileprivate func forget(_ id: Int) { state.withLock { $0.mailboxes[id] = nil } }
}

/// Takes its mailbox out of the hub when nobody holds its stream any more.
private final class Subscription: Sendable {
  private let hub: SignalHub
  private let id: Int?

  init(hub: SignalHub, id: Int?) {
    self.hub = hub
    self.id = id
  }

  deinit {
    if let id { hub.forget(id) }
  }
}

/// The signals that wait for one subscriber.
private final class SignalMailbox: Sendable {
  private struct State {
    var signals = FIFOQueue<LakeSignal>()
    var waiter: OneShot<Void>?
    var isClosed = false
  }

  private let state = Lock(State())
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  func put(_ signal: LakeSignal) {
    let waiter: OneShot<Void>? = state.withLock { state in
      guard !state.isClosed else { return nil }
      if state.signals.count >= limit || signal == .missed {
        // Reading everything anew says all that was waiting, and more.
        state.signals = FIFOQueue()
        state.signals.append(.missed)
      } else {
        state.signals.append(signal)
      }
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.decide(())
  }

  func close() {
    let waiter: OneShot<Void>? = state.withLock { state in
      state.isClosed = true
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.decide(())
  }

  /// - Returns: nil when closed or when the task is cancelled.
  func next() async -> LakeSignal? {
    while !Task.isCancelled {
      let waiter = OneShot<Void>()
      let (signal, isEnd): (LakeSignal?, Bool) = state.withLock { state in
        if let signal = state.signals.popFirst() { return (signal, false) }
        if state.isClosed { return (nil, true) }
        state.waiter = waiter
        return (nil, false)
      }
      if isEnd { return nil }
      if let signal { return signal }
      await waiter.value(onCancel: ())
    }
    return nil
  }
}
