/// An independent reader of RFC 4180; an empty field without quotes is nil.
enum CSVParser {
  static func parse(_ text: String) -> [[String?]] {
    var rows: [[String?]] = []
    var row: [String?] = []
    var field: [UInt8] = []
    var wasQuoted = false
    var bytes = Array(text.utf8)[...]
    func value() -> String? {
      field.isEmpty && !wasQuoted ? nil : String(decoding: field, as: UTF8.self)
    }
    while let byte = bytes.popFirst() {
      switch byte {
      case UInt8(ascii: "\"") where field.isEmpty && !wasQuoted:
        wasQuoted = true
        while let quoted = bytes.popFirst() {
          if quoted != UInt8(ascii: "\"") {
            field.append(quoted)
          } else if bytes.first == UInt8(ascii: "\"") {
            field.append(bytes.removeFirst())
          } else {
            break
          }
        }
      case UInt8(ascii: ","):
        row.append(value())
        (field, wasQuoted) = ([], false)
      case UInt8(ascii: "\r") where bytes.first == UInt8(ascii: "\n"):
        bytes.removeFirst()
        rows.append(row + [value()])
        (row, field, wasQuoted) = ([], [], false)
      default: field.append(byte)
      }
    }
    return rows
  }
}
