extension SQLFunction {
  static let bus = publishing + claiming + leasing + batches + retaining
}
