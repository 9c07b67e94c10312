import Catalog
import Model
import ObjectStore

/// The lake's record in the object store, beside its files.
///
/// Two records: `lake` names the catalog that may serve, and `mark-GENERATION` says how far it has
/// come. They are apart so that a process of a generation that is over, which does not know it yet,
/// can write down its progress without taking the place of the catalog that followed.
package struct LakeRegister: Sendable {
  private static let name = "lake"
  private static let format = "duckmesh-lake 1"
  private static let markFormat = "duckmesh-mark 1"

  private let store: any ObjectStore

  package init(store: any ObjectStore) { self.store = store }

  /// - Throws: `unavailable` also for a record that cannot be read as one.
  package func read() async throws(ObjectStoreError) -> LakeRecord? {
    guard let content = try await store.record(Self.name) else { return nil }
    let lines = try Self.lines(content, format: Self.format)
    guard let lake = lines.first(where: { $0.key == "lake" })?.value,
      let generation = Self.number("generation", lines)
    else { throw .unavailable(reason: "the lake's record is damaged") }
    return LakeRecord(
      lake: lake, generation: generation,
      backends: lines.filter { $0.key == "backend" }.map(\.value),
      mark: try await readMark(generation))
  }

  /// - Parameter backends: all that may serve from here on.
  package func write(
    lake: String, generation: Int64, backends: [String]
  ) async throws(ObjectStoreError) {
    let lines =
      [Self.format, "lake \(lake)", "generation \(generation)"] + backends.map { "backend \($0)" }
    try await store.writeRecord(Self.name, Self.content(lines))
  }

  package func write(_ mark: LakeMark, generation: Int64) async throws(ObjectStoreError) {
    let lines = [
      Self.markFormat, "snapshot \(mark.snapshot.rawValue)", "issued \(mark.issued)",
    ]
    try await store.writeRecord(Self.markName(generation), Self.content(lines))
  }

  private func readMark(_ generation: Int64) async throws(ObjectStoreError) -> LakeMark? {
    guard let content = try await store.record(Self.markName(generation)) else { return nil }
    let lines = try Self.lines(content, format: Self.markFormat)
    guard let snapshot = Self.number("snapshot", lines), let issued = Self.number("issued", lines)
    else { throw .unavailable(reason: "the lake's record is damaged") }
    return LakeMark(snapshot: SnapshotID(snapshot), issued: issued)
  }

  private static func markName(_ generation: Int64) -> String { "mark-\(generation)" }

  private static func content(_ lines: [String]) -> [UInt8] {
    Array((lines.joined(separator: "\n") + "\n").utf8)
  }

  private static func lines(
    _ content: [UInt8], format: String
  ) throws(ObjectStoreError) -> [(key: String, value: String)] {
    var lines = String(decoding: content, as: UTF8.self).split(separator: "\n")
    guard lines.first.map(String.init) == format else {
      throw .unavailable(reason: "the lake's record is of a form that this program does not know")
    }
    lines.removeFirst()
    return lines.compactMap { line in
      guard let space = line.firstIndex(of: " ") else { return nil }
      return (String(line[..<space]), String(line[line.index(after: space)...]))
    }
  }

  private static func number(_ key: String, _ lines: [(key: String, value: String)]) -> Int64? {
    lines.first { $0.key == key }.flatMap { Int64($0.value) }
  }
}
