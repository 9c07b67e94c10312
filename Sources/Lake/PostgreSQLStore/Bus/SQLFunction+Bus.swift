extension SQLFunction {
  static let bus: [SQLFunction] = []
}
