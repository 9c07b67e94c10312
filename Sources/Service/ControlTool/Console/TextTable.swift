/// Lays cells out in columns of even width.
package struct TextTable {
  package struct Column {
    package var title: String
    /// Numbers stand at the right.
    package var isNumeric = false

    package init(title: String, isNumeric: Bool = false) {
      self.title = title
      self.isNumeric = isNumeric
    }
  }

  package let columns: [Column]
  /// As wide as a cell may get; nil for no limit.
  package var maximumCellWidth: Int?

  package init(columns: [Column], maximumCellWidth: Int? = nil) {
    self.columns = columns
    self.maximumCellWidth = maximumCellWidth
  }

  /// - Parameter rows: each with as many cells as there are columns.
  package func render(_ rows: [[String]]) -> String {
    let titles = columns.map { shortened(Printable.line($0.title)) }
    let cells = rows.map { $0.map { shortened(Printable.line($0)) } }
    var widths = titles.map(Printable.width)
    for row in cells {
      for (index, cell) in row.enumerated() {
        widths[index] = max(widths[index], Printable.width(cell))
      }
    }
    var text = line(titles, widths)
    text += widths.map { String(repeating: "─", count: $0 + 2) }.joined(separator: "┼") + "\n"
    for row in cells { text += line(row, widths) }
    return text
  }

  private func line(_ cells: [String], _ widths: [Int]) -> String {
    var parts: [String] = []
    for (index, cell) in cells.enumerated() {
      let padding = String(repeating: " ", count: widths[index] - Printable.width(cell))
      parts.append(columns[index].isNumeric ? " \(padding)\(cell) " : " \(cell)\(padding) ")
    }
    var line = parts.joined(separator: "│")
    while line.hasSuffix(" ") { line.removeLast() }
    return line + "\n"
  }

  private func shortened(_ cell: String) -> String {
    guard let limit = maximumCellWidth, Printable.width(cell) > limit else { return cell }
    var kept = ""
    var width = 0
    for character in cell {
      width += Printable.width(String(character))
      if width >= limit { break }
      kept.append(character)
    }
    return kept + "…"
  }
}
