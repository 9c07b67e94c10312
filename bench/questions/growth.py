"""How costs grow with the rows of a table, and what starting and idling cost."""

import time

from bench import processes
from bench.clients import Load
from bench.contestants.mesh import Client, Mesh, MeshOverPostgres
from bench.processes import Meter
from bench.questions.latency import collect, spreads
from bench.questions.queries import QUERIES, TABLE, point_query, settle, timed
from bench.questions.question import Question
from bench.samples import median, spread

METRICS = [
    ("events/s", "rate"), ("CPU s per million", "cpu"), ("bytes written per event", "written"),
    ("bytes stored per event", "stored"), ("peak memory MB", "memory"), ("live files", "files"),
    ("count ms", "count"), ("group-by ms", "group-by"), ("point ms", "point"),
    ("single events/s", "single"), ("single p99 ms", "single-p99"),
]
SINGLE_CONNECTIONS = 64


def grow(bench, mesh, points, sizes):
    mesh.create(Load(TABLE, 10_000, 1, 0))
    held = singles = 0
    total = None
    for size in sizes:
        with Meter(mesh.roots) as meter:
            began = time.perf_counter()
            loaded = mesh.fill(TABLE, size - held, batch=1_000)
            mesh.wait_until_visible()
            seconds = time.perf_counter() - began
        if total:
            loaded.acknowledged += total.acknowledged
            loaded.sent += total.sent
        total = loaded
        mesh.check(Load(TABLE, 1_000, 1, 0), total)
        added, held = size - held, size
        settle(mesh)
        asked = {name: sql for name, sql, _ in QUERIES + [point_query(mesh)]}
        found = {
            "rate": added / seconds, "cpu": meter.usage.cpu_seconds / added * 1e6,
            "written": meter.usage.written_bytes / added,
            "stored": mesh.stored_bytes() / (size + singles), "memory": meter.usage.peak_pss_bytes / 1e6,
            "files": mesh.live_file_count(TABLE)}
        for name in ("count", "group-by", "point"):
            timed(mesh.port, asked[name], 1)
            found[name] = median(timed(mesh.port, asked[name], 5)["milliseconds"])
        accepted, found["single"], found["single-p99"] = single_events(bench, mesh, size)
        singles += accepted
        collect(points, mesh.title, size, found)
        bench.say(f"growth: {mesh.title}, {size:,} rows verified")


def single_events(bench, mesh, size):
    """Single events into a table beside, whose keys join an index of `size` keys and more.

    Returns how many there were, how many a second, and their p99 in milliseconds.
    """
    load = Load(f"{TABLE}_beside_{size}", 1, SINGLE_CONNECTIONS, bench.choose(8, 2))
    mesh.create(load)
    loaded = mesh.load(load)
    mesh.drain(load)
    mesh.check(load, loaded)
    return loaded.acknowledged, loaded.acknowledged / loaded.seconds, loaded.latency_ms["p99"]


def growth(bench):
    sizes = bench.choose([100_000, 1_000_000, 10_000_000], [100_000, 1_000_000])
    points = {}
    for kind in (Mesh, MeshOverPostgres):
        mesh = kind(bench.folder)
        try:
            mesh.start()
            grow(bench, mesh, points, sizes)
        finally:
            mesh.stop()
            mesh.clear()
    found = spreads(points)

    def series(name):
        return {title: [(size, metrics[name]["median"], metrics[name]["min"],
                         metrics[name]["max"]) for size, metrics in by_size.items()]
                for title, by_size in found.items()}

    return {
        "about": (
            "One table filled in steps by two clients in batches of 1,000; each step's costs are"
            " its own. Queries run after merging. Stored bytes count everything in the system's"
            " folder and database, what is kept for old snapshots included. At the end of each"
            f" step {SINGLE_CONNECTIONS} connections send single events into a table beside. Every"
            " record has its idempotency key, which is indexed by its hash: the index has as many"
            " keys as rows, in random order. One round."),
        "tables": [{
            "caption": "Costs by rows", "columns": ["", "rows"] + [title for title, _ in METRICS],
            "rows": [[title, size] + [metrics[name] for _, name in METRICS]
                     for title, by_size in found.items() for size, metrics in by_size.items()]}],
        "plots": [
            {"name": "growth-rate", "title": "Events a second as the table grows", "x": "rows",
             "y": "events/s", "series": series("rate")},
            {"name": "growth-point", "title": "Point lookup as the table grows", "x": "rows",
             "y": "ms", "series": series("point")},
            {"name": "growth-single", "title": "Single events a second as the key index grows",
             "x": "keys", "y": "events/s", "series": series("single")}],
        "figures": {},
    }


def first_query(mesh):
    """Milliseconds of the first query of a fresh connection after a start."""
    client = Client(mesh.port)
    before = time.perf_counter()
    client.query(f"SELECT count(*) FROM {TABLE}")
    taken = (time.perf_counter() - before) * 1000
    client.close()
    return taken


def start(bench):
    rows = bench.choose(1_000_000, 20_000)
    lines, figures = [], {}
    for kind in (Mesh, MeshOverPostgres):
        mesh = kind(bench.folder)
        ready, first, idle, busy = [], [], [], []
        try:
            mesh.start()
            mesh.create(Load(TABLE, 10_000, 1, 0))
            loaded = mesh.fill(TABLE, rows)
            mesh.wait_until_visible()
            mesh.check(Load(TABLE, 10_000, 1, 0), loaded)
            settle(mesh)
            for _ in range(max(bench.rounds, bench.choose(7, 2))):
                mesh.halt()
                ready.append(mesh.launch())
                first.append(first_query(mesh))
                busy.append(processes.pss_bytes(mesh.roots[:1]) / 1e6)
            for _ in range(bench.choose(3, 1)):
                mesh.halt()
                mesh.launch()
                time.sleep(bench.choose(10, 1))
                idle.append(processes.pss_bytes(mesh.roots[:1]) / 1e6)
        finally:
            mesh.stop()
            mesh.clear()
        bench.say(f"start: {kind.title}")
        found = [spread(values) for values in (ready, first, idle, busy)]
        lines.append([kind.title] + found)
        figures[f"start.{kind.name}.first_query_ms"] = found[1]
        figures[f"start.{kind.name}.idle_mb"] = found[2]
        figures[f"start.{kind.name}.start_and_query_ms"] = spread(
            [one + other for one, other in zip(ready, first)])
    return {
        "about": (
            f"A server with {rows:,} rows is stopped and started again: milliseconds from the start"
            " of the process until it is ready, and of the first query thereafter. Memory is the"
            " sum of the proportional sets (PSS) of server and workers, without PostgreSQL."),
        "tables": [{"caption": "Start and idle", "columns": [
            "", "ready ms", "first query ms", "idle MB", "after a query MB"], "rows": lines}],
        "plots": [], "figures": figures,
    }


QUESTIONS = [
    Question("growth", "aged", "Growth", growth, 10, 1.5),
    Question("start", "query", "Start and idle", start, 3, 0.4),
]
