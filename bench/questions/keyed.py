"""A table with a primary key: upserts as it grows, and its scans after days of them."""

import array
import os
import random
import threading
import time

from bench.contestants.mesh import Client, Mesh, MeshOverPostgres, TENANT
from bench.questions.latency import collect, spreads
from bench.questions.queries import settle, timed
from bench.questions.question import Question
from bench.samples import median, percentile, spread

TABLE = "accounts"
COLUMNS = [("id", "BIGINT"), ("name", "VARCHAR"), ("amount", "DECIMAL(12,2)"),
           ("version", "BIGINT")]
BATCH = 1_000
FILL_BATCH = 10_000
CLIENTS = 2
QUERIES = [
    ("count", f"SELECT count(*) FROM {TABLE}"),
    ("group-by", f"SELECT version % 10 AS v, count(*), sum(amount) FROM {TABLE} GROUP BY v"
                 " ORDER BY v"),
    ("scan", f"SELECT count(*), sum(amount), max(name) FROM {TABLE} WHERE amount > 17"),
]


class Accounts:
    """The table, and which version of each key was sent last."""

    def __init__(self, mesh, keys):
        self.mesh, self.keys = mesh, keys
        self.versions = array.array("q", bytes(8 * keys))
        columns = [{"name": name, "type": kind, "nullable": name != "id"}
                   for name, kind in COLUMNS]
        mesh.client.request("POST", "/v1/tables", {
            "table_name": TABLE, "primary_key_cols": ["id"],
            "schema_json": {"columns": columns}}, expected=(201,))

    def line(self, key):
        version = self.versions[key]
        return (f'{{"id":{key},"name":"account {key * 7919 % 1000003}",'
                f'"amount":"{(key * 31 + version) % 100000 / 100:.2f}","version":{version}}}\n')

    def post(self, client, batch, keys, wait=False):
        """One batch of upserts; again while the server asks for patience."""
        body = "".join(map(self.line, keys)).encode()
        path = f"/v1/ingest/{TABLE}?op=upsert" + ("&wait_for_visibility=true" if wait else "")
        while True:
            retry = client.batch(path, body, batch)
            if retry is None:
                return
            time.sleep(retry)

    def share(self, batches, make):
        """Sends batches by some clients, whose keys are their own: the last one sent counts."""
        failures = []

        def work(number):
            client = BatchClient(self.mesh.port)
            try:
                for batch in range(number, batches, CLIENTS):
                    self.post(client, *make(number, batch))
            except Exception as failure:  # Told by the thread that waits for all.
                failures.append(failure)
            finally:
                client.close()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def fill(self):
        def make(_, batch):
            first = batch * FILL_BATCH
            return f"fill-{batch}", range(first, min(first + FILL_BATCH, self.keys))

        self.share(-(-self.keys // FILL_BATCH), make)
        self.mesh.wait_until_visible(seconds=3_600)

    def check(self):
        """Fails unless each key has the version that was sent last."""
        asked = (f"SELECT count(*), count(DISTINCT id), sum(version)::BIGINT,"
                 f" sum(version * (id % 1009))::BIGINT FROM {TABLE}")
        found = self.mesh.client.query(asked)["rows"][0]
        expected = [self.keys, self.keys, sum(self.versions),
                    sum(version * (key % 1009) for key, version in enumerate(self.versions))]
        if [int(value) for value in found] != expected:
            raise RuntimeError(f"{self.mesh.title}: {found} instead of {expected}")

    def files(self):
        """Live data files, and live files of deleted positions."""
        return [int(self.mesh.catalog_rows(
            f"SELECT count(*) FROM {kind} f JOIN ducklake_table t ON t.table_id = f.table_id"
            f" WHERE f.end_snapshot IS NULL AND t.end_snapshot IS NULL"
            f" AND t.table_name = '{TABLE}'")[0][0])
            for kind in ("ducklake_data_file", "ducklake_delete_file")]

    def point(self):
        return ("point", f"SELECT * FROM {TABLE} WHERE id = {self.keys // 2}")

    def query_times(self, repeat):
        times = {}
        for name, sql in QUERIES + [self.point()]:
            timed(self.mesh.port, sql, 1)
            times[name] = median(timed(self.mesh.port, sql, repeat)["milliseconds"])
        return times


class BatchClient(Client):
    def batch(self, path, body, key):
        """Returns None when the batch is accepted, or the seconds after which to try again."""
        response = self._send("POST", path, body, {
            "X-Tenant-ID": TENANT, "Content-Type": "application/x-ndjson",
            "Idempotency-Key": key})
        answer = response.read()
        if response.status == 200:
            return None
        if response.status != 429:
            raise RuntimeError(f"{path}: {response.status} {answer[:500]!r}")
        return float(response.headers["Retry-After"])


def keyed(bench):
    keys, batches = bench.choose((10_000_000, 100), (200_000, 20))
    tables, figures = [], {}
    for kind in (Mesh, MeshOverPostgres):
        mesh = kind(bench.folder)
        try:
            mesh.start()
            accounts = Accounts(mesh, keys)
            began = time.perf_counter()
            accounts.fill()
            filled = keys / (time.perf_counter() - began)
            settle(mesh)
            before, files = accounts.query_times(bench.choose(9, 3)), accounts.files()
            bench.say(f"keyed: {mesh.title}, {keys:,} keys at {filled:,.0f} rows/s")
            generator, client, times = random.Random(7), BatchClient(mesh.port), []
            for batch in range(batches):
                changed = generator.sample(range(keys), BATCH)
                for key in changed:
                    accounts.versions[key] += 1
                began = time.perf_counter()
                accounts.post(client, f"upsert-{batch}", changed, wait=True)
                times.append((time.perf_counter() - began) * 1_000)
            client.close()
            after, files_after = accounts.query_times(bench.choose(9, 3)), accounts.files()
            accounts.check()
        finally:
            mesh.stop()
            mesh.clear()
        tenth = max(1, batches // 10)
        bench.say(f"keyed: {mesh.title}, upserts verified")
        lines = [["rows/s while it was filled", filled, "–"],
                 [f"ms for a batch of {BATCH:,} upserts, first and last tenth",
                  spread(times[:tenth]), spread(times[-tenth:])],
                 ["live data files, before and after", files[0], files_after[0]],
                 ["live files of deletions, before and after", files[1], files_after[1]]]
        lines += [[f"{name} ms, before and after", before[name], after[name]] for name in before]
        tables.append({
            "caption": f"{kind.title}: {keys:,} keys, {batches * BATCH:,} upserts; slowest batch"
                       f" {max(times):,.0f} ms, p95 {percentile(times, 0.95):,.0f} ms",
            "columns": ["", "first", "last"], "rows": lines})
        figures[f"keyed.{kind.name}.batch_ms"] = spread(times)
    return {
        "about": (
            "A table with a primary key is filled in the order of its keys and merged; then random"
            " keys are upserted in batches that wait for their visibility, one after the other."
            " Afterwards each key is verified to have its last version."),
        "tables": tables, "plots": [], "figures": figures,
    }


def compare(bench, aged, fresh):
    """Interleaved rounds of the same queries on both tables."""
    points = {}
    for _ in range(bench.rounds):
        old = aged.query_times(bench.choose(15, 3))
        new = fresh.query_times(bench.choose(15, 3))
        for name in old:
            collect(points, name, 1, {
                "aged": old[name], "fresh": new[name], "ratio": old[name] / new[name]})
    return points


def days(bench):
    keys, hours, hourly = bench.choose((1_000_000, 168, 100_000), (50_000, 4, 5_000))
    tables, figures = [], {}
    for kind in (Mesh, MeshOverPostgres):
        aged, fresh = kind(bench.folder), kind(os.path.join(bench.folder, "fresh"))
        try:
            aged.start()
            accounts = Accounts(aged, keys)
            accounts.fill()
            began = time.perf_counter()
            generators = [random.Random(number) for number in range(CLIENTS)]

            def make(number, batch):
                # Each client has every second key, so that the order of their batches is no matter.
                own = range(number, keys, CLIENTS)
                changed = generators[number].sample(own, BATCH)
                for key in changed:
                    accounts.versions[key] += 1
                return f"hours-{batch}", changed

            accounts.share(hours * hourly // BATCH, make)
            aged.wait_until_visible(seconds=3_600)
            rate = hours * hourly / (time.perf_counter() - began)
            files = accounts.files()
            bench.say(f"days: {aged.title}, {hours * hourly:,} upserts at {rate:,.0f}/s, {files}")
            accounts.check()
            fresh.start()
            again = Accounts(fresh, keys)
            again.versions = accounts.versions
            again.fill()
            settle(fresh)
            again.check()
            hurried = compare(bench, accounts, again)
            settle(aged)
            points, settled = compare(bench, accounts, again), accounts.files()
            fresh_files = again.files()
        finally:
            for mesh in (aged, fresh):
                mesh.stop()
                mesh.clear()
        found, at_once = spreads(points), spreads(hurried)
        tables.append({
            "caption": f"{kind.title}: {hours} hours of {hourly:,} upserts on {keys:,} keys, at"
                       f" {rate:,.0f} upserts/s. Data files and files of deletions: {files[0]} and"
                       f" {files[1]} at once, {settled[0]} and {settled[1]} after maintenance,"
                       f" {fresh_files[0]} and {fresh_files[1]} of the fresh table",
            "columns": ["query", "ratio at once", "aged ms", "fresh ms", "ratio"],
            "rows": [[name, at_once[name][1]["ratio"]]
                     + [found[name][1][metric] for metric in ("aged", "fresh", "ratio")]
                     for name in found]})
        figures[f"days.{kind.name}.scan_ratio"] = max(
            (found[name][1]["ratio"] for name in ("group-by", "scan")),
            key=lambda figure: figure["median"])
    return {
        "about": (
            "Days of hourly upserts of random keys, sent at full speed by two clients. The queries"
            " follow at once, when maintenance has had seconds instead of days, and again when it"
            " is through. The fresh table has the same rows, loaded in the order of their keys and"
            " merged."),
        "tables": tables, "plots": [], "figures": figures,
    }


QUESTIONS = [
    Question("keyed", "aged", "A table with a primary key", keyed, 7, 0.3),
    Question("days", "aged", "Seven days of upserts", days, 15, 0.3),
]
