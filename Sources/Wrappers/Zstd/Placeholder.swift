// Zstd: to be filled.
