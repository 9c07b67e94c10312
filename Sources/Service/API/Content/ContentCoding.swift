/// How the bytes of an answer are coded on their way.
package enum ContentCoding: String, Sendable {
  case identity, gzip, zstd

  /// The coding that `Accept-Encoding` prefers; of equal ones zstd, which costs least.
  ///
  /// - Parameters:
  ///   - header: nil when the client sent none.
  ///   - compresses: false for a form that is compressed already, which goes as it is.
  /// - Returns: nil when the client takes none that there is.
  package static func chosen(by header: String?, compresses: Bool) -> ContentCoding? {
    guard let header else { return .identity }
    let list = WeightedList(header)
    let others = list.weight(of: "*")
    // Unless it is refused, what is not coded can always be sent: behind all that was asked for.
    let plain = list.weight(of: "identity") ?? (others == 0 ? 0 : 1)
    var best: (coding: ContentCoding, weight: Int) = (.identity, plain)
    let gzip = list.weight(of: "gzip") ?? list.weight(of: "x-gzip") ?? others ?? 0
    let zstd = list.weight(of: "zstd") ?? others ?? 0
    if compresses {
      if gzip > 0, gzip >= best.weight { best = (.gzip, gzip) }
      if zstd > 0, zstd >= best.weight { best = (.zstd, zstd) }
    }
    return best.weight > 0 ? best.coding : nil
  }
}
