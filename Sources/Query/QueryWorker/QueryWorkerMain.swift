import Glibc

/// The whole life of a query worker, from the first line of the process to its end.
///
/// The server starts it as the hidden subcommand `query-worker` with a socket as descriptor 3. With
/// `--probe` it also attempts forbidden operations on request, for tests of the sandbox.
package func queryWorkerMain() -> Never {
  let worker = QueryWorker(
    socketDescriptor: 3, answersProbes: CommandLine.arguments.contains("--probe"))
  // No exit handlers: nothing here outlives the process, and a library's own may block.
  _exit(worker.live() ? 0 : 1)
}
