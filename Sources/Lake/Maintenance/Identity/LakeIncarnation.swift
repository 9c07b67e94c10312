import Catalog
import Consistency
import Model
import ObjectStore
import Runtime

/// Why a catalog cannot be served, or adopted, as it is.
package enum IncarnationError: Error, Equatable {
  case refused(IncarnationVerdict)
  /// Nothing says that the catalog was restored.
  case nothingToAdopt
  /// Somebody else adopted it meanwhile.
  case overtaken
  case catalog(CatalogError)
  case store(ObjectStoreError)
}

/// Holds a catalog against what the object store says of its lake, when a process starts and when
/// an operator asks.
package struct LakeIncarnation: Sendable {
  /// Gives the catalog another backend identity, where a copy would not differ by itself.
  package typealias Renewal = @Sendable (_ backend: String) async throws(CatalogError) -> Void

  package let catalog: any IdentityCatalog
  package let register: LakeRegister

  package init(catalog: any IdentityCatalog, register: LakeRegister) {
    self.catalog = catalog
    self.register = register
  }

  package struct Finding: Sendable, Equatable {
    package let state: LakeState
    package let record: LakeRecord?
    package let verdict: IncarnationVerdict
  }

  /// The catalog is read first: whoever has written to it has written the record before.
  package func find() async throws(IncarnationError) -> Finding {
    let state = try await reading { () async throws(CatalogError) in try await catalog.state() }
    let record = try await storing { () async throws(ObjectStoreError) in
      try await register.read()
    }
    return Finding(
      state: state, record: record, verdict: IncarnationVerdict(state, record))
  }

  /// Makes sure that the catalog may be served.
  ///
  /// - Parameter renewal: nil for a backend whose copies differ by themselves.
  /// - Returns: what the process is to be held to.
  /// - Throws: `refused` when it may not.
  package func begin(renewal: Renewal?) async throws(IncarnationError) -> LakeState {
    let found = try await find()
    guard found.verdict == .first || found.verdict == .same else {
      throw .refused(found.verdict)
    }
    let identity = found.state.identity
    guard let renewal else {
      if found.verdict == .first { try await record(identity, backends: [identity.backend]) }
      return found.state
    }
    // Both are right until the catalog has the new one, so a crash in between is no restore.
    let backend = RandomHex.digits(32)
    try await record(identity, backends: [identity.backend, backend])
    try await reading { () async throws(CatalogError) in try await renewal(backend) }
    try await record(identity, backends: [backend])
    return LakeState(
      identity: LakeIdentity(
        lake: identity.lake, generation: identity.generation, backend: backend),
      mark: found.state.mark)
  }

  package enum AdoptionResult: Sendable, Equatable {
    case adopted(Adoption)
    /// An earlier adoption was interrupted; the object store knows of it now.
    case finished(LakeIdentity)
  }

  /// Makes the catalog the lake's, in a new generation.
  ///
  /// - Parameter isForced: also when nothing says that it was restored.
  package func adopt(isForced: Bool) async throws(IncarnationError) -> AdoptionResult {
    let found = try await find()
    let identity = found.state.identity
    switch found.verdict {
    case .otherLake: throw .refused(.otherLake)
    case .adoptionUnfinished:
      try await record(identity, backends: [identity.backend])
      return .finished(identity)
    case .first, .same, .unrecorded: guard isForced else { throw .nothingToAdopt }
    case .restored: break
    }
    let generation = LakeGeneration.next(
      catalog: identity.generation, served: found.record?.generation)
    let adoption = try await reading { () async throws(CatalogError) in
      try await catalog.adopt(from: identity.generation, to: generation)
    }
    guard let adoption else { throw .overtaken }
    CrashPoint.insideAdoption.reached()
    try await record(adoption.identity, backends: [adoption.identity.backend])
    return .adopted(adoption)
  }

  private func record(
    _ identity: LakeIdentity, backends: [String]
  ) async throws(IncarnationError) {
    try await storing { () async throws(ObjectStoreError) in
      try await register.write(
        lake: identity.lake, generation: identity.generation, backends: backends)
    }
  }

  private func reading<Value>(
    _ body: () async throws(CatalogError) -> Value
  ) async throws(IncarnationError) -> Value {
    do { return try await body() } catch { throw .catalog(error) }
  }

  private func storing<Value>(
    _ body: () async throws(ObjectStoreError) -> Value
  ) async throws(IncarnationError) -> Value {
    do { return try await body() } catch { throw .store(error) }
  }
}
