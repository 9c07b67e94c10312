"""The official DuckLake extension as a second opinion on a catalog and its files.

Reads one request from the first file and writes one answer to the second, both JSON:

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

  {"writeKeyed": {"path": FILE, "rows": [[id, note, token, row_id | null], ...]}}
      writes a file of a keyed table, with the tokens that no column of the lake names and, when
      they are given, the row ids; answers as `write` does.

  {"writeDeletes": {"path": FILE, "dataPath": FILE, "positions": [N, ...]}}
      writes a delete file; answers with its sizes.

  {"readFiles": {"dataPath": FILE, "deletePath": FILE | null}}
      answers with the rows [id, note] of a data file and the positions of a delete file.

  {"changes": {"catalog": CATALOG, "table": "schema.table", "ranges": [[first, last], ...]}}
      answers with the change feed of each range: [snapshot, row_id, kind, id, note], ...

  {"execute": {"catalog": CATALOG, "statements": [SQL, ...]}}
      runs statements as any other user of the extension does, each tried again while another
      writer is first; the lake is attached as `lake`. Answers with how often that was.
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


def statistics_of(columns, count):
    statistics = []
    for name, values in columns.items():
        column = {'"id"': 1, '"note"': 2}.get(name)
        if column is not None:
            statistics.append({
                "columnID": column,
                "byteCount": int(values["column_size_bytes"]),
                "valueCount": count - int(values.get("null_count", 0)),
                "nullCount": int(values.get("null_count", 0)),
                "minimum": values.get("min"),
                "maximum": values.get("max"),
            })
    return statistics


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
    return {
        "recordCount": answer[1],
        "byteCount": answer[2],
        "footerByteCount": answer[3],
        "statistics": statistics_of(answer[4], len(rows)),
    }


def write_keyed(request):
    connection = duckdb.connect()
    connection.execute("CREATE TABLE rows(id BIGINT, note VARCHAR, token BIGINT, row BIGINT)")
    connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", request["rows"])
    columns = "id, note, token AS _duckmesh_token"
    ids = "id: 1, note: 2, _duckmesh_token: 2147482647"
    if request["rows"][0][3] is not None:
        columns += ", row AS _ducklake_internal_row_id"
        ids += ", _ducklake_internal_row_id: 2147483540"
    os.makedirs(os.path.dirname(request["path"]), exist_ok=True)
    answer = connection.execute(
        f"COPY (SELECT {columns} FROM rows) TO '{request['path']}'"
        f" (FORMAT parquet, FIELD_IDS {{{ids}}}, RETURN_STATS)"
    ).fetchone()
    return {
        "recordCount": answer[1],
        "byteCount": answer[2],
        "footerByteCount": answer[3],
        "statistics": statistics_of(answer[4], answer[1]),
    }


def write_deletes(request):
    connection = duckdb.connect()
    connection.execute("CREATE TABLE deletes(file_path VARCHAR, pos BIGINT)")
    connection.executemany(
        "INSERT INTO deletes VALUES (?, ?)",
        [[request["dataPath"], position] for position in request["positions"]],
    )
    answer = connection.execute(
        f"COPY (FROM deletes ORDER BY pos) TO '{request['path']}' (FORMAT parquet,"
        " FIELD_IDS {file_path: 2147483646, pos: 2147483645}, RETURN_STATS)"
    ).fetchone()
    return {
        "recordCount": answer[1],
        "byteCount": answer[2],
        "footerByteCount": answer[3],
        "statistics": [],
    }


def read_files(request):
    connection = duckdb.connect()
    rows = connection.execute(
        f"SELECT id, note FROM read_parquet('{request['dataPath']}') ORDER BY file_row_number"
    ).fetchall()
    positions = []
    if request.get("deletePath"):
        positions = connection.execute(
            f"SELECT pos FROM read_parquet('{request['deletePath']}')"
        ).fetchall()
    return {"rows": rows, "positions": [position for (position,) in positions]}


def changes(request):
    connection = attach(request["catalog"], "(READ_ONLY)")
    schema, name = request["table"].split(".")
    return {
        "ranges": [
            connection.execute(
                "SELECT snapshot_id, rowid, change_type, id, note FROM"
                f" ducklake_table_changes('lake', '{schema}', '{name}', {first}, {last})"
            ).fetchall()
            for first, last in request["ranges"]
        ]
    }


def execute(request):
    connection = attach(request["catalog"])
    failures = 0
    for statement in request["statements"]:
        while True:
            try:
                connection.execute(statement)
                break
            except duckdb.TransactionException:
                failures += 1
    return {"failures": failures}


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
    with open(sys.argv[1]) as request:
        command = json.load(request)
    (name,) = command
    functions = {
        "write": write,
        "read": read,
        "insert": insert,
        "writeKeyed": write_keyed,
        "writeDeletes": write_deletes,
        "readFiles": read_files,
        "changes": changes,
        "execute": execute,
    }
    with open(sys.argv[2], "w") as reply:
        json.dump(functions[name](command[name]), reply)
