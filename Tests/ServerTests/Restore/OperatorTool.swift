import Foundation

/// Runs the operator's commands on the catalog of a server that is stopped.
struct OperatorTool {
  struct Run {
    let ending: ChildProcess.Ending
    let output: String
    let errors: String
  }

  let server: ServerProcess

  /// `duckmeshctl catalog …` with the server's settings.
  func catalog(_ arguments: String..., more: [String: String] = [:]) async throws -> Run {
    let name = "catalog-\(UUID().uuidString)"
    var environment = server.settings
    environment["DUCKMESH_DATA_DIR"] = server.dataFolder
    environment.merge(more) { _, given in given }
    let child = try await ChildProcess(
      ServerProcess.program("duckmeshctl"), ["catalog"] + arguments, environment: environment,
      output: "\(server.folder.path)/\(name).out", errorOutput: "\(server.folder.path)/\(name).err")
    return Run(
      ending: await child.end(), output: server.folder.read(name + ".out"),
      errors: server.folder.read(name + ".err"))
  }
}
