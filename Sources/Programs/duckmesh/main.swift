import QueryWorker

if CommandLine.arguments.dropFirst().first == "query-worker" {
  queryWorkerMain()
}
