"""A client that appends to a Delta table on the local disk by the deltalake package."""

from bench import rows
from bench.workers import duckdb_modules, frame


def selection(connection, number, prefix):
    """A batch as an Arrow table; Delta has no type for UUIDs."""
    from arro3.core import Table

    selected = duckdb_modules.staged_rows(number, prefix)
    return Table(connection.sql(
        f"SELECT event_id::VARCHAR AS event_id, * EXCLUDE (event_id) FROM ({selected})"))


def connect(config):
    from deltalake import write_deltalake

    connection = duckdb_modules.connect(threads=1)
    batch = config["batch"]
    duckdb_modules.stage(connection, batch)

    if config.get("empty"):
        write_deltalake(config["path"], selection(connection, -1, rows.prefix(0, 0, 0)))

    def step(prefix, number):
        data = selection(connection, number % (rows.POOL // batch), prefix)
        write_deltalake(config["path"], data, mode="append")
        return batch

    return step


if __name__ == "__main__":
    frame.run(connect)
