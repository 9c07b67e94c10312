// QueryWorker: to be filled.
