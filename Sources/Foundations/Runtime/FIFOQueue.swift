/// A first-in first-out queue with constant-time ends; its owner bounds the count.
package struct FIFOQueue<Element> {
  // Taken elements leave nil behind, so that neither taking nor withdrawing moves the others.
  private var slots: [Element?] = []
  private var head = 0
  package private(set) var count = 0

  package init() {}

  package var isEmpty: Bool { count == 0 }

  package mutating func append(_ element: Element) {
    slots.append(element)
    count += 1
  }

  /// Takes the oldest element.
  package mutating func popFirst() -> Element? {
    while head < slots.count {
      let taken = slots[head]
      slots[head] = nil
      head += 1
      if let taken {
        count -= 1
        compact()
        return taken
      }
    }
    compact()
    return nil
  }

  /// Withdraws the oldest element that satisfies the predicate.
  package mutating func removeFirst(where predicate: (Element) -> Bool) -> Element? {
    for index in head..<slots.count {
      if let element = slots[index], predicate(element) {
        slots[index] = nil
        count -= 1
        compact()
        return element
      }
    }
    return nil
  }

  /// Drops the empty slots when they are the greater part: amortised constant time.
  private mutating func compact() {
    if count == 0 {
      slots.removeAll(keepingCapacity: true)
      head = 0
    } else if slots.count > 32 && slots.count > 2 * count {
      slots = slots[min(head, slots.count)...].filter { $0 != nil }
      head = 0
    }
  }
}
