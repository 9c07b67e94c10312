"""A DuckDB 1.5.5 client that inserts into a DuckLake or a Quack server.

A single row goes as INSERT … VALUES, a batch as INSERT … SELECT from a table in memory.
"""

import random
import time

from bench import rows
from bench.workers import duckdb_modules, frame

ATTEMPTS = 50


def connect(config):
    connection = duckdb_modules.connect(config["extensions"], threads=config.get("threads", 2))
    for statement in config["attach"]:
        connection.execute(statement)
    batch, table = config["batch"], config["table"]
    if batch == 1:
        singles = rows.values_statements(1, table)
    else:
        duckdb_modules.stage(connection, batch)

    def statement(prefix, number):
        if batch == 1:
            return singles[number % rows.POOL].replace(rows.PLACEHOLDER, prefix)
        selected = duckdb_modules.staged_rows(number % (rows.POOL // batch), prefix)
        return f"INSERT INTO {table} {selected}"

    def step(prefix, number):
        text = statement(prefix, number)
        for attempt in range(ATTEMPTS):
            try:
                connection.execute(text)
                return batch
            except Exception as error:
                # A transaction that lost to another writer is the client's to repeat.
                if attempt + 1 == ATTEMPTS or "onflict" not in str(error):
                    raise
                time.sleep(random.uniform(0, 0.002 * (attempt + 1)))
        return 0

    return step


if __name__ == "__main__":
    frame.run(connect)
