/// The codes of our own functions' errors; their class is one that PostgreSQL leaves to others.
enum SQLRefusal {
  /// What is stored contradicts itself.
  static let damaged = "DM001"
}
