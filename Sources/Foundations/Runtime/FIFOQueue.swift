/// A first-in first-out queue with constant-time ends; its owner bounds the count.
///
/// Inlinable, like all generic parts of this module: unless it is compiled for the element that it
/// holds, each use asks the runtime for the element's type.
///
/// Invariant: the slots from `head` on begin and end with an element, or there are none.
package struct FIFOQueue<Element> {
  // Taken elements leave nil behind, so that neither taking nor withdrawing moves the others.
  @usableFromInline var slots: [Element?] = []
  @usableFromInline var head = 0
  @usableFromInline var storedCount = 0

  @inlinable
  package init() {}

  @inlinable
  package var count: Int { storedCount }

  @inlinable
  package var isEmpty: Bool { count == 0 }

  /// The oldest element.
  @inlinable
  package var first: Element? { isEmpty ? nil : slots[head] }

  /// The newest element.
  @inlinable
  package var last: Element? { isEmpty ? nil : slots[slots.count - 1] }

  @inlinable
  package mutating func append(_ element: Element) {
    slots.append(element)
    storedCount += 1
  }

  /// Takes the oldest element.
  @inlinable
  package mutating func popFirst() -> Element? { isEmpty ? nil : take(at: head) }

  /// Takes the newest element.
  @inlinable
  package mutating func popLast() -> Element? { isEmpty ? nil : take(at: slots.count - 1) }

  /// Withdraws the oldest element that satisfies the predicate.
  @inlinable
  package mutating func removeFirst(where predicate: (Element) -> Bool) -> Element? {
    for index in head..<slots.count {
      if let element = slots[index], predicate(element) { return take(at: index) }
    }
    return nil
  }

  @inlinable
  mutating func take(at index: Int) -> Element? {
    let taken = slots[index]
    slots[index] = nil
    storedCount -= 1
    compact()
    return taken
  }

  /// Restores the invariant, and drops the empty slots when they are the greater part: amortised
  /// constant time.
  @inlinable
  mutating func compact() {
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
