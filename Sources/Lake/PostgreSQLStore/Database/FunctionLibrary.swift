/// Every function that this program calls, in the order in which they can be created.
enum FunctionLibrary {
  static let all: [SQLFunction] =
    SQLFunction.clock + SQLFunction.bus + SQLFunction.signals + SQLFunction.catalog
    + SQLFunction.membership
}
