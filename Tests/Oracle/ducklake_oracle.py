"""The official DuckLake extension as a second opinion on a catalog and its files.

Reads one request from standard input and writes one answer to standard output, both JSON:

  {"write": {"path": FILE, "rows": [[id, note], ...], "history": [[snapshot, row], ...] | null}}
      writes a Parquet file with the field ids of a table of `id BIGINT, note VARCHAR`; `history`
      adds the columns that a merged file carries. Answers with the size, the footer's size and
      the statistics of each column.

  {"read": {"catalog": CATALOG, "tables": ["schema.table", ...]}}
      attaches the catalog (`sqlite:FILE` or `postgres:CONNECTION`) read-only and answers with every
      snapshot and the rows of each table at each snapshot, null where the table does not exist.

  {"insert": {"catalog": CATALOG, "table": "schema.table", "rows": [[id, note], ...],
              "extra": TEXT | null, "times": N}}
      commits the rows N times as any other user of the extension does, with any text beside the
      commit, trying again when another writer was first. Answers with how often that was.
"""

import glob
import json
import os
import sys

import duckdb


def connect(catalog):
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    scanner = catalog.split(":")[0] + "_scanner"
    for name in (scanner, "ducklake"):
        folder = os.path.dirname(os.path.dirname(duckdb.__file__))
        (path,) = glob.glob(f"{folder}/**/{name}.duckdb_extension", recursive=True)
        connection.execute(f"LOAD '{path}'")
    return connection


def attach(catalog, options=""):
    connection = connect(catalog)
    name = catalog.replace("'", "''")
    connection.execute(f"ATTACH 'ducklake:{name}' AS lake {options}")
    return connection


def insert(request):
    connection = attach(request["catalog"])
    schema, name = request["table"].split(".")
    places = ", ".join("(?, ?)" for _ in request["rows"])
    values = [value for row in request["rows"] for value in row]
    failures = 0
    for _ in range(request["times"]):
        while True:
            try:
                connection.execute("BEGIN")
                connection.execute(f'INSERT INTO lake."{schema}"."{name}" VALUES {places}', values)
                if request.get("extra") is not None:
                    connection.execute(
                        "CALL lake.set_commit_message('a stranger', 'by hand', extra_info => ?)",
                        [request["extra"]],
                    )
                connection.execute("COMMIT")
                break
            except duckdb.TransactionException:
                failures += 1
    return {"failures": failures}


def write(request):
    connection = duckdb.connect()
    history = request.get("history")
    extra = ", snapshot BIGINT, row BIGINT" if history else ""
    connection.execute(f"CREATE TABLE rows(id BIGINT, note VARCHAR{extra})")
    rows = request["rows"]
    if history:
        rows = [row + entry for row, entry in zip(rows, history, strict=True)]
    places = ", ".join("?" * len(rows[0]))
    connection.executemany(f"INSERT INTO rows VALUES ({places})", rows)
    columns, ids = "id, note", "id: 1, note: 2"
    if history:
        columns += ", snapshot AS _ducklake_internal_snapshot_id, row AS _ducklake_internal_row_id"
        ids += ", _ducklake_internal_snapshot_id: 2147483539"
        ids += ", _ducklake_internal_row_id: 2147483540"
    os.makedirs(os.path.dirname(request["path"]), exist_ok=True)
    answer = connection.execute(
        f"COPY (SELECT {columns} FROM rows) TO '{request['path']}'"
        f" (FORMAT parquet, FIELD_IDS {{{ids}}}, RETURN_STATS)"
    ).fetchone()
    statistics = []
    for name, values in answer[4].items():
        column = {'"id"': 1, '"note"': 2}.get(name)
        if column is not None:
            statistics.append({
                "columnID": column,
                "byteCount": int(values["column_size_bytes"]),
                "valueCount": len(rows) - int(values.get("null_count", 0)),
                "nullCount": int(values.get("null_count", 0)),
                "minimum": values.get("min"),
                "maximum": values.get("max"),
            })
    return {
        "recordCount": answer[1],
        "byteCount": answer[2],
        "footerByteCount": answer[3],
        "statistics": statistics,
    }


def read(request):
    connection = attach(request["catalog"], "(READ_ONLY)")
    snapshots = connection.execute(
        "SELECT snapshot_id, epoch_us(snapshot_time) FROM lake.snapshots() ORDER BY snapshot_id"
    ).fetchall()
    answer = []
    for identifier, time in snapshots:
        tables = {}
        for table in request["tables"]:
            schema, name = table.split(".")
            source = f'lake."{schema}"."{name}" AT (VERSION => {identifier})'
            try:
                tables[table] = connection.execute(
                    f"SELECT id, note FROM {source} ORDER BY id"
                ).fetchall()
                point = connection.execute(
                    f"SELECT count(*) FROM {source} WHERE id = 1 AND note IS NOT NULL"
                ).fetchone()[0]
                expected = sum(1 for row in tables[table] if row[0] == 1 and row[1] is not None)
                if point != expected:
                    raise SystemExit(f"pruning loses rows of {table} at {identifier}")
            except duckdb.CatalogException:
                tables[table] = None
        answer.append({"snapshot": identifier, "timeMicroseconds": time, "tables": tables})
    newest = {}
    for table in request["tables"]:
        schema, name = table.split(".")
        try:
            newest[table] = connection.execute(
                f'SELECT id, note FROM lake."{schema}"."{name}" ORDER BY id').fetchall()
        except duckdb.CatalogException:
            newest[table] = None
    return {"snapshots": answer, "newest": newest}


if __name__ == "__main__":
    command = json.load(sys.stdin)
    (name,) = command
    json.dump({"write": write, "read": read, "insert": insert}[name](command[name]), sys.stdout)
