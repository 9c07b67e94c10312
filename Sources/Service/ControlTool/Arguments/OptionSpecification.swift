/// One `--name VALUE` or `--name` of a command, as parser and help know it.
struct OptionSpecification: Sendable {
  /// With both dashes.
  let name: String
  /// What the help calls the value; nil for a switch.
  let valueName: String?
  let repeats: Bool
  let help: String

  /// A switch.
  init(_ name: String, _ help: String) {
    self.name = name
    valueName = nil
    repeats = false
    self.help = help
  }

  init(_ name: String, _ valueName: String, repeats: Bool = false, _ help: String) {
    self.name = name
    self.valueName = valueName
    self.repeats = repeats
    self.help = help
  }

  static let global: [OptionSpecification] = [
    OptionSpecification(
      "--url", "URL", "The server. Default: $DUCKMESH_URL, else http://127.0.0.1:8080."),
    OptionSpecification(
      "--api-key", "KEY",
      "The credential. Prefer $DUCKMESH_API_KEY: other users can see a command line."),
    OptionSpecification(
      "--tenant", "NAME", "Sent as X-Tenant-ID. Default: $DUCKMESH_TENANT, else the credential's."),
    OptionSpecification("--help", "Show help for the tool or for one command."),
  ]
}
