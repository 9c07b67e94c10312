/// The metrics as a document: the table of `docs/metrics.md`.
package enum MetricDocument {
  /// A Markdown table of the metrics in the order of their declaration.
  package static func markdownTable(_ descriptions: [MetricDescription]) -> String {
    var lines = ["| Name | Type | Labels | Meaning |", "| --- | --- | --- | --- |"]
    for description in descriptions {
      let names = description.names.map { "`\($0)`" }.joined(separator: "<br>")
      let labels = description.labels.map { "`\($0)`" }.joined(separator: ", ")
      lines.append("| \(names) | \(description.kind.rawValue) | \(labels) | \(description.help) |")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
