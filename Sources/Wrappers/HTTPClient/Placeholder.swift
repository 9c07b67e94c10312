// HTTPClient: to be filled.
