"""Answers SQL from standard input, a JSON object a line, until its input ends.

Configured with `extensions`, `path` and statements to `prepare` it is a DuckDB instance (and, if a
statement says so, a Quack server); with `delta` it queries a Delta table named `bench`.

  {"sql": TEXT}                            answers {"rows": [...]}
  {"sql": TEXT, "repeat": N, "clients": C} answers {"milliseconds": [...]}, one entry a query
  {"sql": TEXT, "repeat": N, "into": FORMAT} the same with all rows rendered as csv or json
"""

import json
import sys
import threading
import time

from bench.workers import duckdb_modules


def duckdb_connection(config):
    connection = duckdb_modules.connect(
        config.get("extensions", ()), config.get("path", ":memory:"), **config.get("settings", {}))
    for statement in config.get("prepare", ()):
        connection.execute(statement)
    return connection


def delta_query(path):
    from deltalake import DeltaTable, QueryBuilder

    def query(sql):
        reader = QueryBuilder().register("bench", DeltaTable(path)).execute(sql)
        return [
            list(line) for batch in reader
            for line in zip(*(column.to_pylist() for column in batch.columns))]

    return query


def timed(connection, request):
    """Milliseconds of `repeat` runs by each of `clients` threads, every answer fetched."""
    sql, taken = request["sql"], []
    if "into" in request:
        sql = f"COPY ({sql}) TO '/dev/null' (FORMAT {request['into']})"

    def work():
        cursor = connection.cursor()
        cursor.execute("SET TimeZone = 'UTC'")
        for _ in range(request["repeat"]):
            before = time.perf_counter()
            cursor.execute(sql).fetchall()
            taken.append((time.perf_counter() - before) * 1000)

    threads = [threading.Thread(target=work) for _ in range(request.get("clients", 1))]
    before = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"milliseconds": taken, "seconds": time.perf_counter() - before}


def main():
    config = json.loads(sys.argv[1])
    if "delta" in config:
        query = delta_query(config["delta"])
    else:
        connection = duckdb_connection(config)

        def query(sql):
            return connection.execute(sql).fetchall()

    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "repeat" in request:
                answer = timed(connection, request)
            else:
                answer = {"rows": query(request["sql"])}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer, default=str), flush=True)


if __name__ == "__main__":
    main()
