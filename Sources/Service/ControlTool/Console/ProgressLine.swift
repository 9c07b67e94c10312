/// The one line that shows how far an ingest is.
package struct ProgressLine: Sendable {
  package let label: String
  /// Nil when the length of the input is not known.
  package let totalBytes: Int?

  package init(label: String, totalBytes: Int?) {
    self.label = label
    self.totalBytes = totalBytes
  }

  private static let barWidth = 24

  package func text(rows: Int, contentBytes: Int, seconds: Double) -> String {
    let rate = seconds > 0 ? Int(Double(rows) / seconds) : 0
    let counts = "\(Printable.grouped(rows)) rows  \(Printable.grouped(rate)) rows/s"
    guard let totalBytes, totalBytes > 0 else { return "\(label)  \(counts)" }
    let fraction = min(1, Double(contentBytes) / Double(totalBytes))
    let filled = Int(fraction * Double(Self.barWidth))
    let bar =
      String(repeating: "#", count: filled)
      + String(repeating: "-", count: Self.barWidth - filled)
    let percent = String(Int(fraction * 100))
    let padding = String(repeating: " ", count: max(0, 3 - percent.count))
    var line = "\(label) \(padding)\(percent)% [\(bar)] \(counts)"
    if fraction > 0, fraction < 1 {
      line += "  \(Self.duration(seconds * (1 - fraction) / fraction)) left"
    }
    return line
  }

  package static func duration(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded(.up))
    if whole < 60 { return "\(whole) s" }
    if whole < 3_600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3_600) h \(whole % 3_600 / 60) min"
  }
}
