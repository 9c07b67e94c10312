"""PostgreSQL 15: a throw-away cluster, and the contestant over it."""

import glob
import os
import re
import signal
import subprocess
import time

from bench import processes, rows
from bench.clients import Loaded, run_clients
from bench.contestants.contestant import Contestant, log_tail, next_run
from bench.libpq import Connection
from bench.samples import latencies

# pgbench takes at most 128 scripts; each holds one row of the pool.
SCRIPTS = 100
RUN_FOLDER = "duckmesh-bench-"
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "127.0.0.1",
    "max_connections": "400",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "timezone": "UTC",
    "lc_messages": "C",
}


def program(name):
    return os.path.join("/usr/lib/postgresql/15/bin", name)


def _as_server_user(arguments):
    """PostgreSQL refuses to run as root. A change of user would undo the death signal."""
    if os.geteuid() != 0:
        return arguments
    return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups",
            "--pdeathsig", "INT"] + arguments


class Cluster:
    """A cluster in a folder of its own, on a free loopback port, ended by its pid."""

    def __init__(self, folder):
        self._folder = folder
        self._process = None
        self._connections = {}

    @property
    def pid(self):
        return self._process.pid

    def start(self):
        os.makedirs(self._folder)
        if os.geteuid() == 0:
            self._open_folders()
            subprocess.run(["chown", "postgres:postgres", self._folder], check=True)
        data = os.path.join(self._folder, "data")
        subprocess.run(
            _as_server_user([
                program("initdb"), "--pgdata", data, "--username", "postgres", "--auth", "trust",
                "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]),
            check=True, capture_output=True, cwd="/")
        self.port = processes.free_port()
        options = [f"--{name}={value}" for name, value in SETTINGS.items()]
        self._process = processes.start(
            _as_server_user([
                program("postgres"), "-D", data, "-p", str(self.port), "-k", self._folder]
                + options), log=os.path.join(self._folder, "log"), cwd="/")
        self._wait_until_ready()

    def _open_folders(self):
        """Lets the server's user pass through this run's folders above its own."""
        folder = os.path.dirname(self._folder)
        while RUN_FOLDER in folder:
            os.chmod(folder, os.stat(folder).st_mode | 0o011)
            folder = os.path.dirname(folder)

    def _wait_until_ready(self):
        for _ in range(600):
            ready = subprocess.run(
                [program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)])
            if ready.returncode == 0:
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"PostgreSQL: {log_tail(os.path.join(self._folder, 'log'))}")

    def stop(self):
        for connection in self._connections.values():
            connection.close()
        self._connections = {}
        if self._process:
            # Fast shutdown: sessions are ended, what is committed is written.
            processes.stop(self._process, stop_signal=signal.SIGINT)
            self._process = None

    def dsn(self, database):
        return f"host=127.0.0.1 port={self.port} dbname={database} user=postgres"

    def uri(self, database):
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def rows(self, database, sql):
        if database not in self._connections:
            self._connections[database] = Connection(self.dsn(database))
        return self._connections[database].execute(sql.encode())

    def create_database(self, name):
        self.rows("postgres", f"CREATE DATABASE {name}")


class Postgres(Contestant):
    name = "postgres"
    title = "PostgreSQL 15"
    durability = "acknowledged after the commit's fsync of the WAL (synchronous_commit on)"

    @property
    def roots(self):
        return [self._cluster.pid]

    def start(self):
        self.clear()
        self._cluster = Cluster(self.path("postgres"))
        self._cluster.start()
        self._cluster.create_database("bench")

    def stop(self):
        if getattr(self, "_cluster", None):
            self._cluster.stop()

    @property
    def dsn(self):
        return self._cluster.dsn("bench")

    def create(self, load):
        statement = rows.create_table(load.table, types=rows.POSTGRESQL_TYPES)
        self._cluster.rows("bench", statement)
        self._cluster.rows("bench", "CHECKPOINT")

    def query(self, table, make_sql):
        return self._cluster.rows("bench", make_sql(table))

    def load(self, load, rate=None):
        if load.batch == 1:
            return self._pgbench(load, rate)
        run = next_run()
        return run_clients("postgres_writer", [
            {"dsn": self.dsn, "table": load.table, "batch": load.batch,
             "method": load.method, "client": client, "run": run, "seconds": load.seconds}
            for client in range(load.clients)], load.seconds, log=self.path("clients.log"))

    def _pgbench(self, load, rate):
        """Prepared single-row INSERTs, at a fixed offered rate if there is one.

        The key is put together by the server from a number that each client counts up, which costs
        it about a microsecond.
        """
        run = next_run()
        scripts = []
        for number in range(SCRIPTS):
            values = rows.values_tuple(rows.ROWS[number * (rows.POOL // SCRIPTS)], 0)
            key = (
                f"('00000000-0000-7' || lpad(:client_id::text, 3, '0') || '-8{run:03x}-'"
                " || lpad(:sequence::text, 12, '0'))::uuid")
            path = self.path(f"insert-{number}.sql")
            with open(path, "w") as script:
                script.write("\\set sequence :sequence + 1\n")
                script.write(f"INSERT INTO {load.table} VALUES ({key},"
                             + values.split(",", 1)[1] + ";\n")
            scripts += ["-f", path]
        log = self.path("pgbench.out")
        open(log, "w").close()
        process = processes.start(
            [program("pgbench"), "-n", "-M", "prepared", "-h", "127.0.0.1", "-p",
             str(self._cluster.port), "-U", "postgres", "-c", str(load.clients),
             "-j", str(min(2, load.clients)), "-T", str(max(1, round(load.seconds))),
             "-D", "sequence=0", "-l", "--log-prefix", self.path("pgbench-log"),
             *(["--rate", str(rate)] if rate else []), *scripts, "bench"],
            log=log)
        cpu = processes.wait(process, load.seconds + 120)
        with open(log) as file:
            output = file.read()
        found = re.search(r"transactions actually processed: (\d+)", output)
        rate = re.search(r"tps = ([\d.]+)", output)
        if not found or not rate or process.returncode != 0:
            raise RuntimeError(f"pgbench failed: {output[-500:]}")
        count = int(found[1])
        return Loaded(
            acknowledged=count, sent=count, seconds=count / float(rate[1]),
            latency_ms=self._logged_latencies(), generator_cpu_seconds=cpu)

    def _logged_latencies(self):
        taken = []
        for path in glob.glob(self.path("pgbench-log*")):
            with open(path) as log:
                taken.extend(int(line.split()[2]) / 1000 for line in log)
            os.unlink(path)
        return latencies(taken or [0.0])
