import Model

/// What one publishing transaction writes.
package struct PublishGroup: Sendable {
  /// Each tenant at most once, in ascending order (the order in which heads are locked).
  package let tenants: [TenantBatch]

  package init(tenants: [TenantBatch]) {
    precondition(
      zip(tenants, tenants.dropFirst()).allSatisfy { $0.tenant < $1.tenant },
      "tenants are unique and ascending")
    self.tenants = tenants
  }

  package var requestCount: Int { tenants.reduce(0) { $0 + $1.requests.count } }
}

/// One tenant's requests of a group, with the one segment body that holds all their records.
package struct TenantBatch: Sendable {
  package let tenant: TenantID
  package let requests: [PublishRequest]
  /// The encoded records of all requests in order (`SegmentCodec`).
  package let body: SegmentBody

  package init(tenant: TenantID, requests: [PublishRequest], body: SegmentBody) {
    self.tenant = tenant
    self.requests = requests
    self.body = body
  }
}

/// One client request: its records are accepted together or not at all.
package struct PublishRequest: Sendable {
  package struct Record: Sendable {
    package let key: KeyHash
    package let content: Int64
    package init(key: KeyHash, content: Int64) {
      self.key = key
      self.content = content
    }
  }

  package let table: TableID
  /// The schema version that the records were checked against.
  package let schemaVersion: Int64
  package let records: [Record]

  package init(table: TableID, schemaVersion: Int64, records: [Record]) {
    self.table = table
    self.schemaVersion = schemaVersion
    self.records = records
  }
}

/// What became of one request.
package enum PublishOutcome: Sendable, Equatable {
  case accepted(Acceptance)
  /// The key of the record at `index` is used with other content; nothing of the request is kept.
  case keyReused(index: Int)
  /// The table is gone; nothing of the request is kept.
  case tableGone
  /// The table's schema has changed since the records were checked; check them again.
  case schemaChanged

  package struct Acceptance: Sendable, Equatable {
    /// A token for each record: its own if new, the first one if a duplicate.
    package let tokens: [VisibilityToken]
    /// The indices of the records that were there already, ascending.
    package let duplicates: [Int]
    /// The tenant's head once the group is committed.
    package let head: VisibilityToken

    package init(tokens: [VisibilityToken], duplicates: [Int], head: VisibilityToken) {
      self.tokens = tokens
      self.duplicates = duplicates
      self.head = head
    }

    package var newCount: Int { tokens.count - duplicates.count }
    package var highestToken: VisibilityToken { tokens.max() ?? .none }
  }
}

/// What is known of a key that was published before.
package struct KeyReceipt: Sendable, Equatable {
  package let token: VisibilityToken
  package let content: Int64
  package init(token: VisibilityToken, content: Int64) {
    self.token = token
    self.content = content
  }
}
