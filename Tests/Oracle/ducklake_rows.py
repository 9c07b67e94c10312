"""Asks the official DuckLake extension questions about a stopped server's catalog.

Reads {"catalog": FILE, "schema": NAME, "questions": [{"sql": SQL, "snapshot": ID | null}, ...]}
from standard input; the SQL names its table `{table:NAME}`. Answers with a list of results, each a
list of rows whose values are texts or null. The catalog is attached read-only.
"""

import json
import re
import sys

from ducklake_oracle import connect


def answer(request):
    connection = connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"ATTACH 'ducklake:sqlite:{request['catalog']}' AS lake (READ_ONLY)")
    results = []
    for question in request["questions"]:
        snapshot = question.get("snapshot")
        moment = "" if snapshot is None else f" AT (VERSION => {snapshot})"
        source = rf'lake."{request["schema"]}"."\1"{moment}'
        sql = re.sub(r"\{table:(\w+)\}", source, question["sql"])
        results.append([list(row) for row in connection.execute(sql).fetchall()])
    return results


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
