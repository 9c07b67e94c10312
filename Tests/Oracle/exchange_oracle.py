"""Reads an Arrow stream or a Parquet file as other programs do, with Arrow's own library.

    exchange_oracle.py arrow|parquet FILE

Answers with {"columns": [{"name", "type", "values"}], "batches": N}: the types are pyarrow's, the
values texts of the official engine or null. Whatever pyarrow holds to be damaged ends it with
status 1.
"""

import json
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq


def read(form, path):
    if form == "parquet":
        return pq.read_table(path), 0
    with pa.ipc.open_stream(path) as reader:
        schema = reader.schema
        batches = list(reader)
    return pa.Table.from_batches(batches, schema), len(batches)


def validate(table):
    """Arrow's times end before 24:00, DuckDB's with it; all else must hold."""
    for name, column in zip(table.column_names, table.columns):
        if not pa.types.is_time(column.type):
            column.validate(full=True)


def main():
    table, batches = read(sys.argv[1], sys.argv[2])
    validate(table)
    names = [f"c{index}" for index in range(table.num_columns)]
    renamed = table.rename_columns(names)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("answer", renamed)
    columns = []
    for name, field in zip(names, table.schema):
        rows = connection.execute(f"SELECT {name}::VARCHAR FROM answer").fetchall()
        columns.append(
            {"name": field.name, "type": str(field.type), "values": [row[0] for row in rows]})
    json.dump({"columns": columns, "batches": batches}, sys.stdout)


if __name__ == "__main__":
    main()
