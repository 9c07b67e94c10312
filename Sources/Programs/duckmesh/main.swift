import Coordinator
import Foundation
import QueryWorker
import Runtime
import Server

// The worker's confinement depends on what it does first, so it comes before everything else.
if CommandLine.arguments.dropFirst().first == "query-worker" {
  queryWorkerMain()
}
if CommandLine.arguments.dropFirst().first == CrashProbe.subcommand {
  materializeProbeMain()
}

if CommandLine.arguments.dropFirst().first == StagingProcess.subcommand {
  stagingWorkerMain()
}

let shutdown = Shutdown()
let signals = SignalTrap(requesting: shutdown)
exit(
  await Program.run(
    arguments: Array(CommandLine.arguments.dropFirst()),
    environment: ProcessInfo.processInfo.environment, shutdown: shutdown))
