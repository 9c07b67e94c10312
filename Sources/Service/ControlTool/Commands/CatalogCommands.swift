import Glibc

/// The commands that work on the catalog itself, with the server stopped: the server's own program
/// does them, with its settings.
enum CatalogCommands {
  private static let handedOn =
    "Runs \"duckmesh catalog\", the server's program beside this one, with the same arguments and"
    + " environment: the settings are the server's, such as DUCKMESH_CATALOG_DSN,"
    + " DUCKMESH_DATA_DIR and DUCKMESH_OBJECT_STORE, and so are the exit codes."

  static let status = CommandSpecification(
    "catalog status", summary: "Tell whether the catalog is the one that served last.",
    details: handedOn + " Exit code 1 when it is not."
  ) { _ throws(ToolFailure) in try missingProgram() }

  static let adopt = CommandSpecification(
    "catalog adopt", summary: "Make a restored or failed-over catalog fit to go on.",
    details: handedOn + " What was acknowledged after the catalog's copy was made is given up:"
      + " tokens and snapshots of that time are void for ever. Stop all processes of the lake"
      + " before.",
    options: [
      OptionSpecification("--yes", "Do not ask."),
      OptionSpecification("--force", "Also when nothing says that the catalog was restored."),
      OptionSpecification("--skip-integrity", "Do not read all files afterwards."),
    ],
    examples: [
      .init(command: "duckmeshctl catalog adopt --yes", meaning: "After a restore.")
    ]
  ) { _ throws(ToolFailure) in try missingProgram() }

  /// Whether the line is one of these commands, and no wish for help.
  static func isFor(_ arguments: [String]) -> Bool {
    arguments.first == "catalog" && ["adopt", "status"].contains(arguments.dropFirst().first ?? "")
      && !arguments.contains("--help") && !arguments.contains("-h")
  }

  /// Puts the server's program in the place of this process; returns only by throwing.
  static func becomeServerProgram(_ arguments: [String]) throws(ToolFailure) {
    guard let own = realpath("/proc/self/exe", nil) else {
      _ = try missingProgram()
      return
    }
    defer { free(own) }
    let folder = String(cString: own).split(separator: "/", omittingEmptySubsequences: false)
      .dropLast().joined(separator: "/")
    var words: [UnsafeMutablePointer<CChar>?] = (["duckmesh"] + arguments).map { strdup($0) }
    words.append(nil)
    execv(folder + "/duckmesh", words)
    for word in words { free(word) }
    _ = try missingProgram()
  }

  private static func missingProgram() throws(ToolFailure) -> ExitCode {
    throw .usage("the program duckmesh is not beside this one", command: nil)
  }
}
