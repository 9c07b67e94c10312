"""Asks the official DuckLake extension questions about a stopped server's catalog.

Reads {"catalog": FILE or "postgres:CONNECTION", "schema": NAME,
"questions": [{"sql": SQL, "snapshot": ID | null}, ...]} from the first file; the SQL names its
table `{table:NAME}`. Answers in the second file with a list of results, each a list of rows whose
values are texts or null.
The catalog is attached read-only; with "merge": true the extension merges files first, and with
"execute": [SQL, ...] it runs statements on `lake` first, as anybody may who can write to it.
"""

import json
import re
import sys

from ducklake_oracle import attach


def answer(request):
    catalog = request["catalog"]
    if not catalog.startswith("postgres:"):
        catalog = "sqlite:" + catalog
    statements = request.get("execute", [])
    if request.get("merge"):
        statements = ["CALL ducklake_merge_adjacent_files('lake')"] + statements
    if statements:
        writer = attach(catalog)
        writer.execute("SET TimeZone = 'UTC'")
        for statement in statements:
            writer.execute(statement)
        writer.close()
    connection = attach(catalog, "(READ_ONLY)")
    connection.execute("SET TimeZone = 'UTC'")
    results = []
    for question in request["questions"]:
        snapshot = question.get("snapshot")
        moment = "" if snapshot is None else f" AT (VERSION => {snapshot})"
        source = rf'lake."{request["schema"]}"."\1"{moment}'
        sql = re.sub(r"\{table:(\w+)\}", source, question["sql"])
        rows = connection.execute(sql).fetchall()
        results.append([[None if v is None else str(v) for v in row] for row in rows])
    return results


if __name__ == "__main__":
    with open(sys.argv[1]) as request, open(sys.argv[2], "w") as reply:
        json.dump(answer(json.load(request)), reply)
