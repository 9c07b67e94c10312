/// What is going to happen, by time; what was planned first goes first among equals.
struct EventQueue {
  private struct Entry {
    let time: Int64
    let order: Int64
    let slot: Int
  }

  private var heap: [Entry] = []
  private var actions: [(() -> Void)?] = []
  private var freeSlots: [Int] = []
  private var nextOrder: Int64 = 0

  var isEmpty: Bool { heap.isEmpty }

  init() {
    heap.reserveCapacity(64)
    actions.reserveCapacity(64)
  }

  mutating func add(at time: Int64, _ action: @escaping () -> Void) {
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = free
      actions[slot] = action
    } else {
      slot = actions.count
      actions.append(action)
    }
    heap.append(Entry(time: time, order: nextOrder, slot: slot))
    nextOrder += 1
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard Self.isBefore(heap[child], heap[parent]) else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func takeNext() -> (time: Int64, action: () -> Void)? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sink()
    }
    guard let action = actions[first.slot] else { return nil }
    actions[first.slot] = nil
    freeSlots.append(first.slot)
    return (first.time, action)
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && Self.isBefore(heap[child], heap[least]) {
        least = child
      }
      guard least != parent else { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }

  private static func isBefore(_ left: Entry, _ right: Entry) -> Bool {
    (left.time, left.order) < (right.time, right.order)
  }
}
