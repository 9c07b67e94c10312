internal import CDuckDB

/// The values of a column, or of a part of one, in Arrow's layout; lent by `DuckDBArrowExport`.
///
/// Neither the array nor its pointers may leave the closure that got it.
package struct DuckDBArrowArray {
  private let array: UnsafePointer<ArrowArray>

  init(_ array: UnsafePointer<ArrowArray>) {
    self.array = array
  }

  package var length: Int { Int(array.pointee.length) }
  /// The position of the first value in the buffers.
  package var offset: Int { Int(array.pointee.offset) }
  package var bufferCount: Int { Int(array.pointee.n_buffers) }
  package var childCount: Int { Int(array.pointee.n_children) }

  /// Nil also for a buffer that the values do without, such as the validity of a column without
  /// NULL.
  package func buffer(_ index: Int) -> UnsafeRawPointer? {
    precondition(index >= 0 && index < bufferCount)
    return array.pointee.buffers?[index]
  }

  package func child(_ index: Int) -> DuckDBArrowArray {
    precondition(index >= 0 && index < childCount)
    guard let child = array.pointee.children?[index] else {
      preconditionFailure("an array names a child that it does not have")
    }
    return DuckDBArrowArray(UnsafePointer(child))
  }

  /// The values that the indexes of a dictionary-encoded column mean.
  package var dictionary: DuckDBArrowArray? {
    array.pointee.dictionary.map { DuckDBArrowArray(UnsafePointer($0)) }
  }
}
