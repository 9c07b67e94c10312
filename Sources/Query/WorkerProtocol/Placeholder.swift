// WorkerProtocol: to be filled.
