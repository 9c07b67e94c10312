"""DuckLake over PostgreSQL, and Delta tables: the clients are the engine."""

import json
import os

from bench import processes, rows
from bench.clients import read_line, run_clients, start_worker, tell
from bench.contestants.contestant import Contestant, next_run
from bench.contestants.postgres import Cluster

# More writers only run into more conflicts with one another.
MAX_WRITERS = 16


class WorkerReader:
    """A worker that answers SQL, for systems whose query is a library."""

    def __init__(self, config, duckdb="1.5.5", log=None):
        self._process = start_worker("sql_reader", config, duckdb, log)
        if read_line(self._process) != "ready":
            raise RuntimeError("the reading worker did not start")

    @property
    def pid(self):
        return self._process.pid

    def ask(self, **request):
        tell(self._process, json.dumps(request))
        answer = json.loads(read_line(self._process, 900))
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def rows(self, sql):
        return self.ask(sql=sql)["rows"]

    def stop(self):
        processes.stop(self._process)


class DuckLake(Contestant):
    name = "ducklake"
    title = "DuckLake 1.5.5 over PostgreSQL"
    durability = (
        "acknowledged after PostgreSQL's commit (fsync, synchronous_commit on); rows up to its"
        " default inlining limit are in that commit, larger inserts are Parquet files that the"
        " extension does not fsync")
    clients_are_engine = True

    @property
    def roots(self):
        return [self._cluster.pid]

    def start(self):
        self.clear()
        os.makedirs(self.path("lake"))
        self._cluster = Cluster(self.path("postgres"))
        self._cluster.start()
        self._cluster.create_database("lake")
        self._attach = [
            f"ATTACH 'ducklake:postgres:{self._cluster.dsn('lake')}' AS lake"
            f" (DATA_PATH '{self.path('lake')}/')",
        ]
        self._extensions = ["postgres_scanner", "ducklake"]

    def stop(self):
        if getattr(self, "_cluster", None):
            self._cluster.stop()

    def reader(self):
        return WorkerReader({"extensions": self._extensions, "prepare": self._attach},
                            log=self.path("reader.log"))

    def create(self, load):
        reader = self.reader()
        reader.rows(rows.create_table(f"lake.{load.table}", key=False))
        reader.stop()

    def load(self, load):
        run = next_run()
        return run_clients("duckdb_writer", [
            {"extensions": self._extensions, "attach": self._attach, "threads": 1,
             "table": f"lake.{load.table}", "batch": load.batch, "client": client, "run": run,
             "seconds": load.seconds}
            for client in range(min(load.clients, MAX_WRITERS))], load.seconds, "1.5.5",
            log=self.path("clients.log"))

    def query(self, table, make_sql):
        reader = self.reader()
        try:
            return reader.rows(make_sql(f"lake.{table}"))
        finally:
            reader.stop()


class Quack(Contestant):
    name = "quack"
    title = "Quack 1.5.5"
    durability = "acknowledged after the commit's fsync of the server's DuckDB write-ahead log"

    TOKEN = "benchmark"

    @property
    def roots(self):
        return [self._server.pid]

    def start(self):
        self.clear()
        self.port = processes.free_port()
        address = f"quack:localhost:{self.port}"
        self._server = WorkerReader({
            "extensions": ["httpfs", "quack"], "path": self.path("quack.duckdb"),
            "prepare": [f"CALL quack_serve('{address}', token = '{self.TOKEN}')"],
        }, log=self.path("server.log"))
        self._attach = [
            f"CREATE SECRET (TYPE quack, TOKEN '{self.TOKEN}')",
            f"ATTACH '{address}' AS remote",
        ]

    def stop(self):
        if getattr(self, "_server", None):
            self._server.stop()

    def client(self):
        """A process that has the server attached as `remote`."""
        return WorkerReader({"extensions": ["httpfs", "quack"], "prepare": self._attach},
                            log=self.path("client.log"))

    def create(self, load):
        self._server.rows(rows.create_table(load.table))

    def load(self, load):
        run = next_run()
        return run_clients("duckdb_writer", [
            {"extensions": ["httpfs", "quack"], "attach": self._attach, "threads": 1,
             "table": f"remote.{load.table}", "batch": load.batch, "client": client, "run": run,
             "seconds": load.seconds}
            for client in range(min(load.clients, MAX_WRITERS))], load.seconds, "1.5.5",
            log=self.path("clients.log"))

    def query(self, table, make_sql):
        return self._server.rows(make_sql(table))


class Delta(Contestant):
    name = "delta"
    title = "deltalake 1.6.6"
    durability = (
        "weaker than the others: neither data files nor the log are fsynced on a local disk")
    clients_are_engine = True

    def start(self):
        self.clear()

    def stop(self):
        pass

    def create(self, load):
        # An empty append makes the table, or concurrent first writers would fight over it.
        config = {"path": self.path(load.table), "batch": 10_000, "client": 0, "run": next_run(),
                  "seconds": 0, "empty": True}
        run_clients("delta_writer", [config], 0, "1.5.5", log=self.path("clients.log"))

    def load(self, load):
        run = next_run()
        return run_clients("delta_writer", [
            {"path": self.path(load.table), "batch": load.batch, "client": client, "run": run,
             "seconds": load.seconds}
            for client in range(min(load.clients, MAX_WRITERS))], load.seconds, "1.5.5",
            log=self.path("clients.log"))

    def query(self, table, make_sql):
        reader = WorkerReader({"delta": self.path(table)}, log=self.path("reader.log"))
        try:
            return reader.rows(make_sql("bench"))
        finally:
            reader.stop()
