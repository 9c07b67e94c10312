import ControlTool
import Foundation

let stop = StopSignal()
let signals = SignalWatch(stop)
let exitCode = ControlTool.run(
  Array(CommandLine.arguments.dropFirst()), environment: ProcessInfo.processInfo.environment,
  console: .standard(), stop: stop)
withExtendedLifetime(signals) {}
exit(exitCode.rawValue)
