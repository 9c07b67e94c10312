/// What a request asks for, decoded by us from the raw target: the HTTP library would hand out
/// paths that are decoded already and cut at `%00`.
///
/// Decoding is strict: a stray `%`, `%00`, a control or non-ASCII byte, a fragment, or an escape
/// that is not UTF-8 makes the target invalid. Segments are decoded after splitting, so `%2F` stays
/// inside its segment; `.` and `..` have no meaning and are handed over as they are.
package struct HTTPRequestTarget: Sendable {
  package struct QueryItem: Equatable, Sendable {
    package let name: String
    package let value: String
  }

  /// The target as it was on the request line.
  package let raw: [UInt8]
  /// `/v1/tables/a%20b` is `["v1", "tables", "a b"]`, `/` is `[""]`, `*` is `["*"]`.
  package let pathSegments: [String]
  /// In order of arrival, repeated names included; `+` is a space; an item without `=` has "".
  package let query: [QueryItem]
  /// The authority of a target in absolute form, which must agree with `Host`.
  let authority: String?

  package func queryValue(_ name: String) -> String? {
    query.first { $0.name == name }?.value
  }

  package init(raw: [UInt8]) throws(HTTPFramingFault) {
    guard !raw.isEmpty, raw.allSatisfy({ ASCII.isVisible($0) && $0 != UInt8(ascii: "#") }) else {
      throw .invalidTarget
    }
    self.raw = raw
    if raw == [UInt8(ascii: "*")] {
      (pathSegments, query, authority) = (["*"], [], nil)
      return
    }
    var rest = raw[...]
    authority = try Self.takeAuthority(&rest)
    let queryMark = rest.firstIndex(of: UInt8(ascii: "?"))
    let path = rest[rest.startIndex..<(queryMark ?? rest.endIndex)]
    pathSegments = try Self.segments(path)
    query =
      try queryMark.map { (mark) throws(HTTPFramingFault) in
        try Self.queryItems(rest[(mark + 1)...])
      } ?? []
  }

  private static let schemes = [Array("http://".utf8), Array("https://".utf8)]

  private static func takeAuthority(_ rest: inout ArraySlice<UInt8>) throws(HTTPFramingFault)
    -> String?
  {
    if rest.first == UInt8(ascii: "/") { return nil }
    for scheme in schemes {
      guard rest.count > scheme.count,
        zip(rest, scheme).allSatisfy({ ASCII.lowercased($0) == $1 })
      else { continue }
      let after = rest.dropFirst(scheme.count)
      let end =
        after.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? after.endIndex
      let authority = after[after.startIndex..<end]
      guard !authority.isEmpty, !authority.contains(UInt8(ascii: "@")) else { throw .invalidTarget }
      rest = after[end...]
      return String(decoding: authority, as: UTF8.self)
    }
    throw .invalidTarget
  }

  private static func segments(_ path: ArraySlice<UInt8>) throws(HTTPFramingFault) -> [String] {
    var segments: [String] = []
    // An absolute-form target may end after its authority; that means "/".
    guard !path.isEmpty else { return [""] }
    var start = path.startIndex + 1
    for index in start..<path.endIndex where path[index] == UInt8(ascii: "/") {
      segments.append(try PercentDecoding.decode(path[start..<index], plusIsSpace: false))
      start = index + 1
    }
    segments.append(try PercentDecoding.decode(path[start...], plusIsSpace: false))
    return segments
  }

  private static func queryItems(_ text: ArraySlice<UInt8>) throws(HTTPFramingFault) -> [QueryItem]
  {
    var items: [QueryItem] = []
    for item in text.split(separator: UInt8(ascii: "&")) {
      let mark = item.firstIndex(of: UInt8(ascii: "=")) ?? item.endIndex
      let name = try PercentDecoding.decode(item[item.startIndex..<mark], plusIsSpace: true)
      let value = try PercentDecoding.decode(item[mark...].dropFirst(), plusIsSpace: true)
      items.append(QueryItem(name: name, value: value))
    }
    return items
  }
}
