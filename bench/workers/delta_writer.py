"""A client that appends to a Delta table on the local disk by the deltalake package."""

from bench import rows
from bench.workers import duckdb_modules, frame


def connect(config):
    from arro3.core import Table
    from deltalake import write_deltalake

    connection = duckdb_modules.connect(threads=1)
    batch = config["batch"]
    duckdb_modules.stage(connection, batch)

    def step(prefix, number):
        selected = duckdb_modules.staged_rows(number % (rows.POOL // batch), prefix)
        data = Table(connection.sql(
            f"SELECT event_id::VARCHAR AS event_id, * EXCLUDE (event_id) FROM ({selected})"))
        write_deltalake(config["path"], data, mode="append")
        return batch

    return step


if __name__ == "__main__":
    frame.run(connect)
