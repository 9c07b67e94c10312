import TestSupport

extension Mesh {
  /// The reader of a tenant's tables.
  func officialReader(schema: String = "acme") -> OfficialReader {
    let name = opened.officialName
    return OfficialReader(
      catalog: name.hasPrefix("sqlite:") ? String(name.dropFirst(7)) : name, schema: schema)
  }
}
