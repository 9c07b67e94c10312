"""Whole files as one batch: NDJSON and Parquet, until the rows can be queried."""

import http.client
import os
import subprocess
import time

from bench import rows
from bench.clients import Load, Loaded
from bench.contestants.contestant import Contestant
from bench.contestants.lakes import DuckLake, Quack, WorkerReader
from bench.contestants.mesh import TENANT, Mesh, MeshOverPostgres
from bench.contestants.postgres import Postgres, program
from bench.processes import Meter
from bench.questions.latency import collect, spreads
from bench.questions.question import Question

TABLE = "events_bulk"
TYPES = {"ndjson": "application/x-ndjson", "parquet": "application/vnd.apache.parquet"}
NAMES = ", ".join(name for name, _ in rows.COLUMNS)
METRICS = [
    ("rows/s until visible", "rate"), ("seconds", "seconds"), ("CPU s per million", "cpu"),
    ("bytes written per row", "written"), ("peak memory MB", "memory"), ("file MB", "file_mb"),
]


def source(path):
    """SQL of DuckDB that reads a file's rows in the types of the table."""
    if path.endswith(".parquet"):
        return f"SELECT {NAMES} FROM read_parquet('{path}')"
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in rows.COLUMNS)
    return (f"SELECT {NAMES} FROM read_json('{path}', columns = {{{columns}}},"
            " format = 'newline_delimited')")


class Files:
    """The same rows in each format, under keys of their own."""

    def __init__(self, folder, count):
        self.count = count
        self._folder = os.path.join(folder, "files")
        os.makedirs(self._folder, exist_ok=True)
        blocks = count // rows.POOL
        lines = "".join(rows.payload(row, item) + "\n" for item, row in enumerate(rows.ROWS))
        (copy,) = rows.copy_texts(rows.POOL)
        counter = rows.start_counter()
        with open(self.path("ndjson"), "w") as json_file, open(self.path("copy"), "w") as copied:
            for block in range(blocks):
                prefix = rows.prefix(counter + block, 0, 1)
                json_file.write(lines.replace(rows.PLACEHOLDER, prefix))
                copied.write(copy.replace(rows.PLACEHOLDER, prefix))
        reader = WorkerReader({}, "2.0.0", os.path.join(self._folder, "log"))
        reader.rows(f"COPY ({source(self.path('ndjson'))}) TO '{self.path('parquet')}'"
                    " (FORMAT parquet, COMPRESSION zstd)")
        reader.stop()

    def path(self, kind):
        return os.path.join(self._folder, f"rows.{kind}")


class PlainDuckDB(Contestant):
    """What reading the file and writing Parquet costs by itself."""

    name = "duckdb"
    title = "DuckDB 2.0.0, file to Parquet"
    durability = "not durable: what the engine alone needs, without keys, catalog or fsync"

    def start(self):
        self.clear()
        self._reader = WorkerReader({}, "2.0.0", self.path("log"))

    def stop(self):
        if getattr(self, "_reader", None):
            self._reader.stop()

    def create(self, load):
        pass

    @property
    def roots(self):
        return [self._reader.pid]

    def write(self, files, kind):
        self._reader.rows(f"COPY ({source(files.path(kind))}) TO '{self.path('rows.parquet')}'"
                          " (FORMAT parquet, COMPRESSION zstd)")

    def query(self, table, make_sql):
        return self._reader.rows(make_sql(f"read_parquet('{self.path('rows.parquet')}')"))


def post(mesh, files, kind):
    """Sends a file to DuckMesh and returns when its rows can be queried."""
    path = files.path(kind)
    connection = http.client.HTTPConnection("127.0.0.1", mesh.port, timeout=900)
    with open(path, "rb") as file:
        connection.request(
            "POST", f"/v1/ingest/{TABLE}?wait_for_visibility=true&visibility_timeout_ms=60000",
            file, {"X-Tenant-ID": TENANT, "Content-Type": TYPES[kind], "Idempotency-Key": "bulk",
                   "Content-Length": str(os.path.getsize(path))})
        response = connection.getresponse()
        answer = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{path}: {response.status} {answer[:500]!r}")


def copy_in(postgres, files, kind):
    subprocess.run(
        [program("psql"), "-q", "-X", "-v", "ON_ERROR_STOP=1", "-d", postgres.dsn, "-c",
         f"\\copy {TABLE} FROM '{files.path(kind)}'"], check=True)


def insert(contestant, files, kind):
    """The client reads the file, and inserts what it read."""
    contestant.session.rows(
        f"INSERT INTO {contestant.schema}.{TABLE} {source(files.path(kind))}")


class Session:
    """One client, with all cores, whose memory and time are the system's."""

    def create(self, load):
        super().create(load)
        # Quack's client knows the tables that were there when it attached.
        self.session = self.client()

    def stop(self):
        if getattr(self, "session", None):
            self.session.stop()
        super().stop()

    @property
    def roots(self):
        return super().roots + [self.session.pid]


class DuckLakeSession(Session, DuckLake):
    schema = "lake"

    def client(self):
        return self.reader()


class QuackSession(Session, Quack):
    schema = "remote"


SERIES = [
    (f"{Mesh.title}, NDJSON", Mesh, post, "ndjson"),
    (f"{Mesh.title}, Parquet", Mesh, post, "parquet"),
    (f"{MeshOverPostgres.title}, NDJSON", MeshOverPostgres, post, "ndjson"),
    (f"{MeshOverPostgres.title}, Parquet", MeshOverPostgres, post, "parquet"),
    ("PostgreSQL, COPY of a file, unique key", Postgres, copy_in, "copy"),
    (f"{DuckLake.title}, NDJSON", DuckLakeSession, insert, "ndjson"),
    (f"{DuckLake.title}, Parquet", DuckLakeSession, insert, "parquet"),
    (f"{Quack.title}, NDJSON", QuackSession, insert, "ndjson"),
    (f"{Quack.title}, Parquet", QuackSession, insert, "parquet"),
    (f"{PlainDuckDB.title}, NDJSON", PlainDuckDB, PlainDuckDB.write, "ndjson"),
    (f"{PlainDuckDB.title}, Parquet", PlainDuckDB, PlainDuckDB.write, "parquet"),
]


def measure(contestant, send, kind, files):
    """One file into an empty system: figures, after the rows were verified."""
    load = Load(TABLE, rows.POOL, 1, 0)
    contestant.create(load)
    with Meter(contestant.roots) as meter:
        began = time.perf_counter()
        send(contestant, files, kind)
        seconds = time.perf_counter() - began
    contestant.check(load, Loaded(files.count, files.count, seconds, {}, 0.0))
    return {
        "rate": files.count / seconds, "seconds": seconds,
        "cpu": meter.usage.cpu_seconds / files.count * 1e6,
        "written": meter.usage.written_bytes / files.count,
        "memory": meter.usage.peak_pss_bytes / 1e6,
        "file_mb": os.path.getsize(files.path(kind)) / 1e6,
    }


def bulk(bench):
    count = bench.choose(2_000_000, 100_000)
    files, points = Files(bench.folder, count), {}
    for number in range(bench.rounds):
        for title, kind_of_contestant, send, kind in SERIES:
            contestant = kind_of_contestant(bench.folder)
            try:
                contestant.start()
                found = measure(contestant, send, kind, files)
                collect(points, title, count, found)
                bench.say(f"bulk {number + 1}/{bench.rounds}: {title},"
                          f" {found['rate']:,.0f} rows/s, verified")
            finally:
                contestant.stop()
                contestant.clear()
    found = spreads(points)
    return {
        "about": (
            f"One file of {count:,} rows into an empty table, by one client, until its rows can be"
            " queried: as NDJSON and as Parquet (zstd). DuckMesh checks every value, hashes the"
            " body for its idempotency key and makes file and catalog durable. PostgreSQL's COPY"
            " (text, by psql) keeps a unique index. DuckLake's INSERT … SELECT and plain DuckDB's"
            " file to file check types, know no keys and do not fsync their files. Quack's client"
            " reads the file and sends the rows to the server, which keeps a unique index."),
        "tables": [{
            "caption": "Whole files", "columns": [""] + [title for title, _ in METRICS],
            "rows": [[title] + [by_size[count][name] for _, name in METRICS]
                     for title, by_size in found.items()]}],
        "plots": [],
        "figures": {
            f"bulk.{name}.{kind}": found[f"{title}, {label}"][count]["rate"]
            for name, title in (("duckmesh", Mesh.title),
                                ("duckmesh-postgres", MeshOverPostgres.title),
                                ("ducklake", DuckLake.title), ("quack", Quack.title))
            for kind, label in (("ndjson", "NDJSON"), ("parquet", "Parquet"))},
    }


QUESTIONS = [Question("bulk", "ingest", "Whole files", bulk, 8, 0.7)]
