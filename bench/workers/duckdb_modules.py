"""DuckDB of the worker's own version, with extensions from installed wheels."""

import glob
import sys


def connect(extensions=(), path=":memory:", **config):
    import duckdb

    connection = duckdb.connect(
        path, config={"allow_unsigned_extensions": "true", **config})
    for name in extensions:
        pattern = f"duckdb_extension_{name}/**/*.duckdb_extension"
        found = [file for folder in sys.path
                 for file in glob.glob(f"{folder}/{pattern}", recursive=True)]
        connection.execute(f"LOAD '{found[0]}'")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def stage(connection, batch):
    """Puts the pool into a table `staged` with `batch_number` and the key's `suffix`."""
    from bench import rows

    columns = ", ".join(f"{name} {kind}" for name, kind in rows.COLUMNS[1:])
    connection.execute(f"CREATE TABLE staged (batch_number INTEGER, suffix VARCHAR, {columns})")
    for first in range(0, rows.POOL, 1000):
        lines = ",".join(
            f"({item // batch},'{rows.suffix(item % batch)}',"
            + rows.values_tuple(rows.ROWS[item], 0).split(",", 1)[1]
            for item in range(first, first + 1000))
        connection.execute("INSERT INTO staged VALUES " + lines)


def staged_rows(batch_number, prefix):
    """SELECT of one batch's rows under a key prefix."""
    return (
        f"SELECT ('{prefix}' || suffix)::UUID AS event_id, * EXCLUDE (batch_number, suffix)"
        f" FROM staged WHERE batch_number = {batch_number}"
    )
