// IngestBus: to be filled.
