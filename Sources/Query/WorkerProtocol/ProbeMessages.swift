/// An operation for a sandboxed worker to attempt, in tests of the sandbox.
package struct ProbeMessage: FrameMessage, Equatable {
  package static let kind = FrameKind.probe

  package let operation: String
  package let path: String

  package init(operation: String, path: String) {
    self.operation = operation
    self.path = path
  }

  package func encode(into writer: inout MessageWriter) {
    writer.put(operation)
    writer.put(path)
  }

  package init(from reader: inout MessageReader) throws(FrameError) {
    operation = try reader.string()
    path = try reader.string()
  }
}

/// How the attempt ended.
package struct ProbedMessage: FrameMessage, Equatable {
  package static let kind = FrameKind.probed

  /// 0 when the operation succeeded, else the errno value.
  package let errorNumber: Int32

  package init(errorNumber: Int32) {
    self.errorNumber = errorNumber
  }

  package func encode(into writer: inout MessageWriter) {
    writer.put(errorNumber)
  }

  package init(from reader: inout MessageReader) throws(FrameError) {
    errorNumber = try reader.integer()
  }
}
