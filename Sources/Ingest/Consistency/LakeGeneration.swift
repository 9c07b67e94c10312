import Model

/// Which numbers belong to which generation of a lake.
///
/// A lake's first catalog is generation 1. Each adoption of a restored or failed-over catalog
/// begins a later one. Tokens, snapshots, tables and files of generation g are numbered above
/// `(g - 1) × 2^40`, and at most 2^40 of each are ever made, so a number of one generation is never
/// made in another: it tells its generation by itself.
package enum LakeGeneration {
  package static let first: Int64 = 1

  /// The numbers between two generations. Three thousand of them fit into the integers that every
  /// reader of JSON holds exactly.
  package static let stride: Int64 = 1 << 40

  /// Every lease epoch rises by as much with each generation: far more than a lease changes hands
  /// in a life, so whoever held one in a life that was lost is behind.
  package static let epochStride: Int64 = 1 << 24

  /// The last number that no token of a tenant made in the generation has.
  package static func floor(of generation: Int64) -> VisibilityToken {
    VisibilityToken((generation - first) * stride)
  }

  /// The generation that follows both the catalog's own and the newest that was ever served.
  package static func next(catalog: Int64, served: Int64?) -> Int64 {
    max(catalog, served ?? first) + 1
  }

  /// How far numbers move between two generations.
  package static func jump(from old: Int64, to new: Int64) -> Int64 { (new - old) * stride }
}
