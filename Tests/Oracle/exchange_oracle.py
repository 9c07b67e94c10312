"""Reads an Arrow stream or a Parquet file as other programs do, with Arrow's own library.

    exchange_oracle.py arrow|parquet|gzip|zstd FILE

Answers with {"columns": [{"name", "type", "values"}], "batches": N}: the types are pyarrow's, the
values texts of the official engine or null. Of a compressed file it gives the content. Whatever
pyarrow holds to be damaged ends it with status 1.
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


def texts(connection, column):
    """The official engine's texts; instants as the local time of UTC."""
    kind = column.type
    if pa.types.is_struct(kind) and kind.num_fields == 0:
        # The engine does not read what has no fields.
        return ["{}" if value.is_valid else None for value in column]
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        column = column.cast(pa.timestamp(kind.unit))
    connection.register("answer", pa.table({"value": column}))
    return [row[0] for row in connection.execute("SELECT value::VARCHAR FROM answer").fetchall()]


def main():
    if sys.argv[1] in ("gzip", "zstd"):
        with pa.input_stream(sys.argv[2], compression=sys.argv[1]) as content:
            sys.stdout.buffer.write(content.read())
        return
    table, batches = read(sys.argv[1], sys.argv[2])
    validate(table)
    names = [f"c{index}" for index in range(table.num_columns)]
    renamed = table.rename_columns(names)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    columns = []
    for name, field in zip(names, table.schema):
        columns.append(
            {
                "name": field.name,
                "type": str(field.type),
                "values": texts(connection, renamed[name]),
            })
    json.dump({"columns": columns, "batches": batches}, sys.stdout)


if __name__ == "__main__":
    main()
