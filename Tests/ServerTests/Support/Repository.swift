/// Where the files of the package are.
enum Repository {
  /// - Parameter file: relative to the root of the package.
  static func path(_ file: String, from here: String = #filePath) -> String {
    here.split(separator: "/").dropLast(4).reduce("") { $0 + "/" + $1 } + "/" + file
  }
}
