// Digest: to be filled.
