/// A spare tells that it is warm.
package struct ReadyMessage: FrameMessage, Equatable {
  package static let kind = FrameKind.ready

  package let addressSpaceBytes: UInt64
  /// Must be 1: the sandbox binds only the calling thread and those it makes later.
  package let threadCount: UInt32

  package init(addressSpaceBytes: UInt64, threadCount: UInt32) {
    self.addressSpaceBytes = addressSpaceBytes
    self.threadCount = threadCount
  }

  package func encode(into writer: inout MessageWriter) {
    writer.put(addressSpaceBytes)
    writer.put(threadCount)
  }

  package init(from reader: inout MessageReader) throws(FrameError) {
    addressSpaceBytes = try reader.integer()
    threadCount = try reader.integer()
  }
}

/// What happens when a layer of the sandbox cannot be had.
package enum SandboxMode: UInt8, Sendable, CaseIterable {
  /// The worker refuses to serve.
  case require
  /// The worker serves and reports it.
  case prefer
  /// Landlock, seccomp and the change of user are not even tried.
  case off
}

/// Binds a spare to one tenant, for the rest of its life.
package struct BindMessage: FrameMessage, Equatable {
  package static let kind = FrameKind.bind

  /// Absolute folders that the worker may read, and nothing else.
  package var readableFolders: [String]
  /// An absolute folder of its own, made for it and removed after it.
  package var temporaryFolder: String
  package var memoryLimitBytes: UInt64
  package var temporaryLimitBytes: UInt64
  package var threads: UInt32
  package var openFileLimit: UInt32
  package var mode: SandboxMode
  /// Uses at most this Landlock ABI; nil for whatever the kernel has, 0 for none.
  package var landlockABILimit: UInt8?
  /// The user to become when started as root; nil keeps the user.
  package var unprivilegedUserID: UInt32?

  package init(
    readableFolders: [String], temporaryFolder: String, memoryLimitBytes: UInt64,
    temporaryLimitBytes: UInt64, threads: UInt32, openFileLimit: UInt32, mode: SandboxMode,
    landlockABILimit: UInt8?, unprivilegedUserID: UInt32?
  ) {
    self.readableFolders = readableFolders
    self.temporaryFolder = temporaryFolder
    self.memoryLimitBytes = memoryLimitBytes
    self.temporaryLimitBytes = temporaryLimitBytes
    self.threads = threads
    self.openFileLimit = openFileLimit
    self.mode = mode
    self.landlockABILimit = landlockABILimit
    self.unprivilegedUserID = unprivilegedUserID
  }

  package func encode(into writer: inout MessageWriter) {
    writer.put(list: readableFolders) { $0.put($1) }
    writer.put(temporaryFolder)
    writer.put(memoryLimitBytes)
    writer.put(temporaryLimitBytes)
    writer.put(threads)
    writer.put(openFileLimit)
    writer.put(mode.rawValue)
    writer.put(landlockABILimit.map(Int16.init) ?? -1)
    writer.put(unprivilegedUserID.map(Int64.init) ?? -1)
  }

  package init(from reader: inout MessageReader) throws(FrameError) {
    readableFolders = try reader.list { reader throws(FrameError) in try reader.string() }
    temporaryFolder = try reader.string()
    memoryLimitBytes = try reader.integer()
    temporaryLimitBytes = try reader.integer()
    threads = try reader.integer()
    openFileLimit = try reader.integer()
    guard let mode = SandboxMode(rawValue: try reader.integer()) else { throw .malformed }
    self.mode = mode
    landlockABILimit = UInt8(exactly: try reader.integer(Int16.self))
    unprivilegedUserID = UInt32(exactly: try reader.integer(Int64.self))
  }
}

/// One layer of the sandbox and whether it stands.
package struct SandboxLayer: Sendable, Equatable {
  /// `landlock`, `seccomp`, `address_space_limit`, `no_new_privileges`, `capabilities`, `user`.
  package let name: String
  package let holds: Bool
  /// For people: `ABI 7`, `operation not permitted`, `kept: the folder cannot be entered`.
  package let detail: String

  package init(name: String, holds: Bool, detail: String) {
    self.name = name
    self.holds = holds
    self.detail = detail
  }
}

/// A worker tells what protects it; from here on it takes queries.
package struct BoundMessage: FrameMessage, Equatable {
  package static let kind = FrameKind.bound

  package let layers: [SandboxLayer]

  package init(layers: [SandboxLayer]) {
    self.layers = layers
  }

  package func encode(into writer: inout MessageWriter) {
    writer.put(list: layers) { writer, layer in
      writer.put(layer.name)
      writer.put(layer.holds)
      writer.put(layer.detail)
    }
  }

  package init(from reader: inout MessageReader) throws(FrameError) {
    layers = try reader.list { reader throws(FrameError) in
      SandboxLayer(
        name: try reader.string(), holds: try reader.bool(), detail: try reader.string())
    }
  }
}

/// A worker cannot become what it was asked to be.
package struct RefusedMessage: FrameMessage, Equatable {
  package static let kind = FrameKind.refused

  /// For operators; may name layers and system errors.
  package let reason: String

  package init(reason: String) {
    self.reason = reason
  }

  package func encode(into writer: inout MessageWriter) {
    writer.put(reason)
  }

  package init(from reader: inout MessageReader) throws(FrameError) {
    reason = try reader.string()
  }
}
