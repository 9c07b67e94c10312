import SimdJSON

/// Bounds of one ingest request; the size of its body is bounded before it comes here.
package struct IngestLimits: Equatable, Sendable {
  package var records: Int
  package var keyBytes: Int
  /// Violations listed in full; of each further bad record the first one is kept.
  package var listedViolations: Int
  package var visibilityTimeoutMs: Int
  package var json: JSONLimits

  package init(
    records: Int = 10_000, keyBytes: Int = 512, listedViolations: Int = 100,
    visibilityTimeoutMs: Int = 60_000, json: JSONLimits = JSONLimits()
  ) {
    self.records = records
    self.keyBytes = keyBytes
    self.listedViolations = listedViolations
    self.visibilityTimeoutMs = visibilityTimeoutMs
    self.json = json
  }
}
