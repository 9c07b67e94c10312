import Foundation

// Runs one hot path over and over, so that a counter of instructions can tell what a turn costs.
// Usage: HotPaths NAME TURNS; without arguments it lists the paths.
let arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count == 2, let turns = Int(arguments[1]),
  let path = HotPath(rawValue: arguments[0])
else {
  print(HotPath.allCases.map(\.rawValue).joined(separator: "\n"))
  exit(arguments.isEmpty ? 0 : 2)
}
try path.run(turns: turns)
