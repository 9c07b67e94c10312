"""DuckMesh: embedded, and over PostgreSQL; one process with all roles either way."""

import http.client
import json
import os
import re
import sqlite3
import time

from bench import processes, wrk
from bench.clients import ROOT, run_clients
from bench.contestants.contestant import Contestant, log_tail, next_run
from bench.contestants.postgres import Cluster
from bench.rows import COLUMNS

PROGRAM = os.environ.get("DUCKMESH_PROGRAM", os.path.join(ROOT, ".build/release/duckmesh"))
TENANT = "bench-0000"
MAX_IDLE_SECONDS = 30


class Client:
    """One connection to a server; each request raises unless it is answered as expected."""

    def __init__(self, port, timeout=310):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._last_use = time.monotonic()

    def _send(self, method, path, body, headers):
        # The server closes idle connections; a closed one is opened by the next request.
        if time.monotonic() - self._last_use > MAX_IDLE_SECONDS:
            self._connection.close()
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        self._last_use = time.monotonic()
        return response

    def request(self, method, path, body=None, tenant=TENANT, expected=(200,), accept=None):
        headers = {"X-Tenant-ID": tenant}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        if accept:
            headers["Accept"] = accept
        response = self._send(method, path, body, headers)
        answer = response.read()
        if response.status not in expected:
            raise RuntimeError(f"{method} {path}: {response.status} {answer[:500]!r}")
        return answer

    def json(self, *arguments, **options):
        return json.loads(self.request(*arguments, **options))

    def connect(self):
        self._connection.connect()

    def post(self, path, body, tenant, accept):
        """Sends prepared JSON text and reads the answer to its end without looking at it."""
        response = self._send("POST", path, body, {
            "X-Tenant-ID": tenant, "Content-Type": "application/json", "Accept": accept})
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {response.read()[:500]!r}")
        while response.read(1 << 20):
            pass

    def require_lines(self, sql, expected):
        """Fails unless the answer as CSV has so many lines: none may be cut off unseen."""
        body = {"sql": sql, "row_limit": 1_000_000, "timeout_ms": 300_000}
        lines = self.request("POST", "/v1/query", body, accept="text/csv").count(b"\n")
        if lines != expected:
            raise RuntimeError(f"{lines} lines instead of {expected}: {sql}")

    def query(self, sql, tenant=TENANT, **options):
        options.setdefault("timeout_ms", 300_000)
        return self.json("POST", "/v1/query", {"sql": sql, **options}, tenant)

    def close(self):
        self._connection.close()


class Mesh(Contestant):
    name = "duckmesh"
    title = "DuckMesh, embedded"
    durability = (
        "acknowledged after the SQLite commit (WAL, synchronous FULL: fsync); data files and their"
        " folders are fsynced before the catalog names them")

    def __init__(self, folder):
        super().__init__(folder)
        self._process = None

    def environment(self):
        return {"DUCKMESH_DATA_DIR": self.path("data")}

    @property
    def roots(self):
        return [self._process.pid]

    def start(self):
        self.clear()
        self.launch()

    def launch(self):
        """Starts the server on what the folder holds; returns the milliseconds until ready."""
        self.port = processes.free_port()
        # Logs of requests are no part of the question; neither is the bound on open tenants.
        values = dict(os.environ, DUCKMESH_HTTP_ADDR=f"127.0.0.1:{self.port}",
                      DUCKMESH_LOG_LEVEL="warning", DUCKMESH_MAX_OPEN_TENANTS="2000")
        values.update(self.environment())
        began = time.perf_counter()
        self._process = processes.start([PROGRAM, "serve"], log=self.path("log"), env=values)
        while True:
            try:
                Client(self.port).request("GET", "/v1/ready")
                break
            except (OSError, RuntimeError, http.client.HTTPException):
                ended = self._process.poll() is not None
                if ended or time.perf_counter() - began > 60:
                    raise RuntimeError(f"{self.title}: {log_tail(self.path('log'))}") from None
                time.sleep(0.002)
        self.client = Client(self.port)
        return (time.perf_counter() - began) * 1000

    def halt(self):
        """Ends the server in order and keeps its data."""
        if self._process:
            processes.stop(self._process, grace=60)
            self._process = None

    def stop(self):
        self.halt()

    def tenants(self, load):
        return [f"bench-{number:04d}" for number in range(load.tenants)]

    def tables(self, load):
        return [(tenant, load.table) for tenant in self.tenants(load)]

    def create(self, load):
        columns = [{"name": name, "type": kind} for name, kind in COLUMNS]
        for tenant in self.tenants(load):
            self.client.request(
                "POST", "/v1/tables",
                {"table_name": load.table, "schema_json": {"columns": columns}},
                tenant, expected=(201,))

    def load(self, load):
        return wrk.run(self.folder, self.port, load, next_run())

    def fill(self, table, rows, batch=10_000, tenant=TENANT, clients=2):
        """Loads an exact number of rows by batches, for the questions about queries."""
        batches = max(1, rows // batch)
        shares = [batches // clients + (number < batches % clients) for number in range(clients)]
        run = next_run()
        loaded = run_clients("mesh_writer", [
            {"port": self.port, "tenant": tenant, "table": table, "batch": batch, "client": client,
             "run": run, "seconds": 3600, "batches": share}
            for client, share in enumerate(shares) if share], 3600)
        if loaded.errors:
            raise RuntimeError(f"filling failed: {loaded.first_error}")
        return loaded

    def lag(self, tenant=TENANT):
        return self.client.json("GET", "/v1/lag", tenant=tenant)

    def drain(self, load):
        for tenant in self.tenants(load):
            self.wait_until_visible(tenant)

    def wait_until_visible(self, tenant=TENANT, seconds=600):
        """Polls without asking for visibility, which would make the server hurry."""
        deadline = time.monotonic() + seconds
        while self.lag(tenant)["pending_events"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.title}: events stay pending for {seconds} s")
            time.sleep(0.01)

    def query(self, table, make_sql):
        tenant, name = table
        return self.client.query(make_sql(name), tenant, row_limit=100_000)["rows"]

    def newest_snapshot(self, tenant, client):
        return client.json("GET", "/v1/snapshots?limit=1", tenant=tenant)["snapshots"][0]

    def snapshot(self, tenant=TENANT):
        return self.newest_snapshot(tenant, self.client)["snapshot_id"]

    def live_file_count(self, table, tenant=TENANT, client=None):
        newest = self.newest_snapshot(tenant, client or self.client)
        return next(entry["files"] for entry in newest["tables"] if entry["table_name"] == table)

    def catalog_rows(self, sql):
        """Rows of the catalog, read beside the server."""
        (path,) = [self.path("data", name) for name in os.listdir(self.path("data"))
                   if re.fullmatch(r".*\.(sqlite|db)", name)]
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def live_files(self, table, tenant=TENANT):
        """Paths of the Parquet files that a query of the newest snapshot reads, oldest rows first."""
        root = self.catalog_rows("SELECT value FROM ducklake_metadata WHERE key = 'data_path'")
        found = self.catalog_rows(
            "SELECT s.path || t.path || f.path, d.delete_file_id FROM ducklake_data_file f"
            " JOIN ducklake_table t ON t.table_id = f.table_id AND t.end_snapshot IS NULL"
            " JOIN ducklake_schema s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL"
            " LEFT JOIN ducklake_delete_file d"
            "   ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL"
            f" WHERE f.end_snapshot IS NULL AND t.table_name = '{table}'"
            f" AND s.schema_name = '{tenant}' ORDER BY f.row_id_start, f.data_file_id")
        if any(deletes is not None for _, deletes in found):
            raise RuntimeError(f"{table} has delete files: other readers would see more rows")
        return [os.path.join(root[0][0].removeprefix("file://"), path) for path, _ in found]

    def stored_bytes(self):
        """Bytes of the system's folder, what it keeps for old snapshots included."""
        return sum(os.path.getsize(os.path.join(folder, name))
                   for folder, _, names in os.walk(self.path("data")) for name in names)


class MeshOverPostgres(Mesh):
    name = "duckmesh-postgres"
    title = "DuckMesh over PostgreSQL"
    durability = (
        "acknowledged after PostgreSQL's commit (fsync, synchronous_commit on); data files and"
        " their folders are fsynced before the catalog names them")

    def environment(self):
        return {
            "DUCKMESH_DATA_DIR": self.path("data"),
            "DUCKMESH_OBJECT_STORE": f"file://{self.path('data', 'lake')}",
            "DUCKMESH_CATALOG_DSN": self._cluster.uri("lake"),
        }

    @property
    def roots(self):
        return [self._process.pid, self._cluster.pid]

    def start(self):
        self.clear()
        os.makedirs(self.path("data", "lake"))
        self._cluster = Cluster(self.path("postgres"))
        self._cluster.start()
        self._cluster.create_database("lake")
        self.launch()

    def stop(self):
        super().stop()
        if getattr(self, "_cluster", None):
            self._cluster.stop()

    def catalog_rows(self, sql):
        return self._cluster.rows("lake", sql)

    def stored_bytes(self):
        size = self.catalog_rows("SELECT pg_database_size('lake')")[0][0]
        return super().stored_bytes() + int(size)
