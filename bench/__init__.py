"""The benchmark suite: DuckMesh and its peers on one machine, in one run, rows verified."""
