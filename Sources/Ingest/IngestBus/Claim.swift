import Model

/// How much one claim may hand out.
package struct ClaimLimit: Sendable {
  package var tenants: Int
  /// Decompressed bytes over all tenants; the first segment is always handed out.
  package var bytes: Int
  package var records: Int

  package init(tenants: Int = 256, bytes: Int = 64 << 20, records: Int = 200_000) {
    self.tenants = tenants
    self.bytes = bytes
    self.records = records
  }

  /// Whether a claim ended at this limit, so that tenants may have been left out of it.
  package func isReached(by claims: [TenantClaim]) -> Bool {
    let bodies = claims.flatMap(\.segments).map(\.body)
    return claims.count >= tenants || bodies.reduce(0) { $0 + $1.byteCount } >= bytes
      || bodies.reduce(0) { $0 + $1.recordCount } >= records
  }
}

/// A tenant under lease, with the run of events after its watermark.
package struct TenantClaim: Sendable {
  package let tenant: TenantID
  package let epoch: LeaseEpoch
  /// The committed watermark; the first segment begins right after it.
  package let from: VisibilityToken
  /// Contiguous, in token order.
  package let segments: [Segment]

  package init(
    tenant: TenantID, epoch: LeaseEpoch, from: VisibilityToken, segments: [Segment]
  ) {
    self.tenant = tenant
    self.epoch = epoch
    self.from = from
    self.segments = segments
  }

  /// The watermark that a commit of the whole claim establishes.
  package var to: VisibilityToken { segments.last?.lastToken ?? from }
}

/// A run of events of one tenant with consecutive tokens.
package struct Segment: Sendable {
  package let firstToken: VisibilityToken
  package let lastToken: VisibilityToken
  package let publishedAt: Timestamp
  package let body: SegmentBody
  /// Positions in the body that carry no token (duplicates, refused requests), ascending.
  package let skipped: [Int]

  package init(
    firstToken: VisibilityToken, lastToken: VisibilityToken, publishedAt: Timestamp,
    body: SegmentBody, skipped: [Int]
  ) {
    self.firstToken = firstToken
    self.lastToken = lastToken
    self.publishedAt = publishedAt
    self.body = body
    self.skipped = skipped
  }
}

/// A live lease as the bus sees it at the moment of asking.
package struct LeaseView: Sendable, Equatable {
  package let owner: OwnerID
  package let remainingMs: Int

  package init(owner: OwnerID, remainingMs: Int) {
    self.owner = owner
    self.remainingMs = remainingMs
  }

  /// Nil when the lease is free or has run out.
  package init?(owner: OwnerID?, until: Timestamp, now: Timestamp) {
    guard let owner, until > now else { return nil }
    // A part of a millisecond counts as a whole one: who asks again then finds it free.
    self.init(owner: owner, remainingMs: until.milliseconds(since: now) + 1)
  }
}

/// A tenant with events that no snapshot holds yet.
package struct TenantBacklog: Sendable, Equatable {
  package let tenant: TenantID
  package let head: VisibilityToken
  package let watermark: VisibilityToken
  package let oldestPublishedAt: Timestamp
  package let bytes: Int
  /// Nil when nobody holds the tenant.
  package let lease: LeaseView?

  package init(
    tenant: TenantID, head: VisibilityToken, watermark: VisibilityToken,
    oldestPublishedAt: Timestamp, bytes: Int, lease: LeaseView? = nil
  ) {
    self.tenant = tenant
    self.head = head
    self.watermark = watermark
    self.oldestPublishedAt = oldestPublishedAt
    self.bytes = bytes
    self.lease = lease
  }
}

/// Why a claim is given back.
package enum ReleaseReason: String, Sendable {
  case shutdown
  /// Another coordinator has a right to them.
  case rebalance
  case environmentFailure = "environment_failure"
}
