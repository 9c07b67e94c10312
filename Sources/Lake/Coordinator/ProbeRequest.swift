import Foundation

/// What a probe's child process is told, all of it before it does anything.
struct ProbeRequest: Codable, Sendable {
  let shape: RowShape
  let engineThreads: Int
  let engineMemoryBytes: Int
  /// Made by the server and removed by it when the child has ended.
  let folder: String
  let tokens: [Int64]
  /// Of each event, as they are stored.
  let operations: [UInt8]
  let payloadByteCounts: [Int]
  /// All payloads, one after the other.
  let payloads: Data
  /// As the child has an empty environment, a crash test's text comes this way.
  let poison: String?
}
