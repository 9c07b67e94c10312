/// Finds what crashes the engine, by halving.
package enum CrashSearch {
  /// The places of the elements that crash by themselves, in order.
  ///
  /// A crash may have causes that are not in the data (a broken installation, a bad piece of
  /// memory). So an element is named only if it has crashed alone twice, and only if all the others
  /// together do not crash: even when there are no others, the engine must survive being started.
  ///
  /// - Parameter crashes: whether these elements together crash the engine.
  /// - Throws: what `crashes` throws, and `EnvironmentFailure.engine` when the crash cannot be put
  ///   down to single elements.
  package static func culprits<Element>(
    in elements: ArraySlice<Element>,
    crashes: (ArraySlice<Element>) throws(EnvironmentFailure) -> Bool
  ) throws(EnvironmentFailure) -> [Int] {
    // Most ranges under suspicion are innocent: the process was killed from outside.
    guard try crashes(elements) else { return [] }
    let found = try halve(elements, crashes)
    let culprits = Set(found)
    let others = elements.indices.filter { !culprits.contains($0) }.map { elements[$0] }
    guard try !crashes(others[...]) else {
      throw .engine("the engine crashes, and on no single event alone")
    }
    guard !found.isEmpty else { throw .engine("the engine crashed once and then did not") }
    return found
  }

  /// - Parameter elements: known to crash together.
  private static func halve<Element>(
    _ elements: ArraySlice<Element>,
    _ crashes: (ArraySlice<Element>) throws(EnvironmentFailure) -> Bool
  ) throws(EnvironmentFailure) -> [Int] {
    if elements.count <= 1 {
      return try crashes(elements) ? Array(elements.indices) : []
    }
    let middle = elements.startIndex + elements.count / 2
    var found: [Int] = []
    for half in [elements[..<middle], elements[middle...]] where try crashes(half) {
      found += try halve(half, crashes)
    }
    return found
  }
}
