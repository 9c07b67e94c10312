// ObjectStore: to be filled.
