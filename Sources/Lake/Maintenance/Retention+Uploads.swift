import Catalog
import Coordinator
import IngestBus
import Model
import ObjectStore

extension Retention {
  private static let uploadStep = 200
  /// An upload that no catalog knows may be one whose register was lost with a catalog: its files
  /// stay for a day at least.
  private static let unknownSeconds = 86_400

  /// Deletes the files of uploads that nobody needs: given up, out of their lease, or in a snapshot
  /// for as long as a catalog may be restored to before it.
  func deleteUploads() async throws(EnvironmentFailure) -> Int {
    guard let uploads else { return 0 }
    var deleted = 0
    while true {
      let step: [UploadID]
      do {
        step = try await uploads.collectableUploads(
          settledSeconds: backupWindowSeconds, limit: Self.uploadStep)
      } catch {
        throw EnvironmentFailure(error)
      }
      guard !step.isEmpty else { break }
      try await delete(step)
      do {
        try await uploads.forgetUploads(step)
      } catch {
        throw EnvironmentFailure(error)
      }
      deleted += step.count
      if step.count < Self.uploadStep { break }
    }
    return try await deleted + deleteUnknownUploads(uploads)
  }

  private func deleteUnknownUploads(
    _ uploads: any BatchBus
  ) async throws(EnvironmentFailure) -> Int {
    let newest = clock.now.adding(seconds: -max(backupWindowSeconds, Self.unknownSeconds))
    let old: [UploadID]
    do {
      old = try await store.uploads().filter { $0.modifiedAt <= newest }.map(\.upload)
    } catch {
      throw .storage("\(error)")
    }
    guard !old.isEmpty else { return 0 }
    let unknown: [UploadID]
    do {
      unknown = try await uploads.unknownUploads(among: old)
    } catch {
      throw EnvironmentFailure(error)
    }
    try await delete(unknown)
    return unknown.count
  }

  private func delete(_ step: [UploadID]) async throws(EnvironmentFailure) {
    do {
      try await store.deleteUploads(step)
    } catch {
      throw .storage("\(error)")
    }
  }
}
