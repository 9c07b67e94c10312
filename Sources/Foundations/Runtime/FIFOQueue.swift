/// A first-in first-out queue with constant-time ends; its owner bounds the count.
///
/// Invariant: the slots from `head` on begin and end with an element, or there are none.
package struct FIFOQueue<Element> {
  // Taken elements leave nil behind, so that neither taking nor withdrawing moves the others.
  private var slots: [Element?] = []
  private var head = 0
  package private(set) var count = 0

  package init() {}

  package var isEmpty: Bool { count == 0 }

  /// The oldest element.
  package var first: Element? { isEmpty ? nil : slots[head] }

  /// The newest element.
  package var last: Element? { isEmpty ? nil : slots[slots.count - 1] }

  package mutating func append(_ element: Element) {
    slots.append(element)
    count += 1
  }

  /// Takes the oldest element.
  package mutating func popFirst() -> Element? { isEmpty ? nil : take(at: head) }

  /// Takes the newest element.
  package mutating func popLast() -> Element? { isEmpty ? nil : take(at: slots.count - 1) }

  /// Withdraws the oldest element that satisfies the predicate.
  package mutating func removeFirst(where predicate: (Element) -> Bool) -> Element? {
    for index in head..<slots.count {
      if let element = slots[index], predicate(element) { return take(at: index) }
    }
    return nil
  }

  private mutating func take(at index: Int) -> Element? {
    let taken = slots[index]
    slots[index] = nil
    count -= 1
    compact()
    return taken
  }

  /// Restores the invariant, and drops the empty slots when they are the greater part: amortised
  /// constant time.
  private mutating func compact() {
    if count == 0 {
      slots.removeAll(keepingCapacity: true)
      head = 0
      return
    }
    while slots[head] == nil { head += 1 }
    while let last = slots.last, last == nil { slots.removeLast() }
    if slots.count > 32 && slots.count > 2 * count {
      slots = slots[head...].filter { $0 != nil }
      head = 0
    }
  }
}
