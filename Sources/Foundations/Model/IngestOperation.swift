/// What a record asks for; the numbers are stored.
package enum IngestOperation: UInt8, Sendable, CaseIterable {
  case insert = 1
  case upsert = 2
  case delete = 3
}
