import Glibc
import Model

/// A line of the file of attempts.
struct AttemptRecord: Equatable {
  /// Numbers of a fixed width: a line is written over in one piece, and lies within one page, so
  /// that no end of the process leaves half of it.
  static let byteCount = 64
  private static let widths = [20, 20, 8, 12]
  private static let maximumAttempts = 1_000_000

  let tenant: TenantID
  let firstToken: VisibilityToken
  let attempts: Int
  /// When the attempt began, in seconds since 1970.
  let seconds: Int

  static var now: Int { time(nil) }

  init(_ range: AttemptLog.Range, attempts: Int) {
    tenant = range.tenant
    firstToken = range.firstToken
    self.attempts = min(attempts, Self.maximumAttempts)
    seconds = Self.now
  }

  /// - Returns: nil for bytes that `bytes` does not give.
  init?(_ bytes: ArraySlice<UInt8>) {
    guard bytes.count == Self.byteCount, bytes.last == UInt8(ascii: "\n") else { return nil }
    let parts = bytes.dropLast().split(separator: UInt8(ascii: " "))
    let numbers = parts.compactMap { Int64(String(decoding: $0, as: UTF8.self)) }
    guard numbers.count == Self.widths.count, numbers.count == parts.count,
      numbers.allSatisfy({ $0 > 0 }), numbers[2] <= Self.maximumAttempts
    else { return nil }
    tenant = TenantID(numbers[0])
    firstToken = VisibilityToken(numbers[1])
    attempts = Int(numbers[2])
    seconds = Int(numbers[3])
  }

  var bytes: [UInt8] {
    let numbers = [tenant.rawValue, firstToken.rawValue, Int64(attempts), Int64(seconds)]
    let columns = zip(numbers, Self.widths).map { Self.padded($0, $1) }
    return Array((columns.joined(separator: " ") + "\n").utf8)
  }

  static let emptyBytes =
    [UInt8](repeating: UInt8(ascii: " "), count: byteCount - 1) + [UInt8(ascii: "\n")]

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

/// The file of attempts under way: a line for each, at a place that another takes when it is over.
final class AttemptFile: Sendable {
  private static let name = "ranges"
  /// Nothing is written or read where it could not be opened.
  private let descriptor: Int32

  /// Opens the file, making it if need be; whatever else lies in the folder is removed.
  init(folder: String) {
    Self.removeForeign(from: folder)
    descriptor = open(
      folder + "/" + Self.name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  func write(_ record: AttemptRecord, at place: Int) { write(record.bytes, at: place) }

  func clear(_ place: Int) { write(AttemptRecord.emptyBytes, at: place) }

  private func write(_ bytes: [UInt8], at place: Int) {
    guard descriptor >= 0 else { return }
    pwrite(descriptor, bytes, bytes.count, off_t(place * AttemptRecord.byteCount))
  }

  /// What an earlier process left, by its place; lines that cannot be used are left out, and the
  /// file ends after the last one that can.
  func read(atMost limit: Int) -> [(place: Int, record: AttemptRecord)] {
    guard descriptor >= 0 else { return [] }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return [] }
    let size = min(Int(status.st_size), limit * AttemptRecord.byteCount)
    var bytes = [UInt8](repeating: 0, count: size)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    let places = 0..<max(count, 0) / AttemptRecord.byteCount
    let found = places.compactMap { place in
      let start = place * AttemptRecord.byteCount
      return AttemptRecord(bytes[start..<start + AttemptRecord.byteCount]).map { (place, $0) }
    }
    ftruncate(descriptor, off_t(((found.last?.0 ?? -1) + 1) * AttemptRecord.byteCount))
    return found
  }

  private static func removeForeign(from folder: String) {
    guard let stream = opendir(folder) else { return }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." && name != Self.name { unlink(folder + "/" + name) }
    }
  }
}

/// Which line of the file is whose.
///
/// **Invariant:** no two tenants have the same line, and a tenant has no two.
struct AttemptPlaces {
  private var taken: [TenantID: Int] = [:]
  private var free: [Int] = []
  private var count = 0

  /// The tenant's line, or one that is free and is its from now on.
  mutating func place(of tenant: TenantID) -> Int {
    if let place = taken[tenant] { return place }
    let place = free.popLast() ?? count
    count = max(count, place + 1)
    taken[tenant] = place
    return place
  }

  /// Takes what the file says; its lines come in ascending order.
  mutating func take(_ place: Int, for tenant: TenantID) {
    free += count..<place
    count = place + 1
    taken[tenant] = place
  }

  mutating func leave(_ tenant: TenantID) -> Int? {
    let place = taken.removeValue(forKey: tenant)
    if let place { free.append(place) }
    return place
  }
}
