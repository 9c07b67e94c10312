extension SQLFunction {
  static let catalog: [SQLFunction] = []
}
