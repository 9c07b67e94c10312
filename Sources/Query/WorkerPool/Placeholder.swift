// WorkerPool: to be filled.
