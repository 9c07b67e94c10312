"""What one tenant's flood costs another tenant's single events."""

import time
from concurrent.futures import ThreadPoolExecutor

from bench.clients import Load, run_clients
from bench.contestants.contestant import next_run
from bench.contestants.mesh import TENANT as LOUD
from bench.contestants.mesh import Mesh, MeshOverPostgres
from bench.questions.latency import collect, spreads
from bench.questions.question import Question
from bench.verify import checksum_query, distinct_query, verify

QUIET = "bench-0001"
CLIENTS = 8
BATCH = 1_000
# How much longer the flood lasts than the quiet tenant is measured: its client starts meanwhile.
MARGIN_SECONDS = 6


def quiet(mesh, table, seconds, waiting):
    """Single events of the quiet tenant by one client, in a closed loop."""
    loaded = run_clients("mesh_writer", [
        {"port": mesh.port, "tenant": QUIET, "table": table, "batch": 1, "client": 4000,
         "run": next_run(), "seconds": seconds, "wait_for_visibility": waiting}],
        seconds, log=mesh.path("clients.log"))
    if loaded.errors:
        raise RuntimeError(f"{mesh.title}: {loaded.errors} errors, {loaded.first_error}")
    return loaded


def beside_flood(mesh, table, seconds, waiting):
    """The same while the loud tenant writes at full speed: the quiet one's figures and its."""
    load = Load(table, BATCH, CLIENTS, seconds + MARGIN_SECONDS)
    before = mesh.lag(LOUD)["accepted_events"]
    with ThreadPoolExecutor(1) as pool:
        flood = pool.submit(mesh.load, load)
        while mesh.lag(LOUD)["accepted_events"] == before and not flood.done():
            time.sleep(0.05)
        found = quiet(mesh, table, seconds, waiting)
        if flood.done():
            raise RuntimeError(f"{mesh.title}: the flood was over too early")
        return found, flood.result()


def check(mesh, tenant, table, loads):
    """Holds a tenant's table against all that was written into it."""
    mesh.wait_until_visible(tenant)
    (counts,) = mesh.query((tenant, table), lambda name: distinct_query(name, 0, 1))
    verify(mesh.query((tenant, table), checksum_query), *map(int, counts),
           sum(load.acknowledged for load in loads), sum(load.sent for load in loads))


def measure(mesh, waiting, seconds):
    table = f"flood_{int(waiting)}"
    mesh.create(Load(table, 1, 1, 0, tenants=2))
    alone = quiet(mesh, table, seconds, waiting)
    beside, flood = beside_flood(mesh, table, seconds, waiting)
    check(mesh, QUIET, table, [alone, beside])
    check(mesh, LOUD, table, [flood])
    return {
        "alone_p50": alone.latency_ms["p50"], "alone_p95": alone.latency_ms["p95"],
        "beside_p50": beside.latency_ms["p50"], "beside_p95": beside.latency_ms["p95"],
        "factor": beside.latency_ms["p50"] / alone.latency_ms["p50"],
        "flood_per_s": flood.acknowledged / flood.seconds,
    }


COLUMNS = [
    ("alone, p50 ms", "alone_p50"), ("p95 ms", "alone_p95"),
    ("beside the flood, p50 ms", "beside_p50"), ("p95 ms", "beside_p95"),
    ("factor of p50", "factor"), ("flood, records/s", "flood_per_s"),
]


def flood(bench):
    seconds = bench.choose(10, 2)
    points = {}
    for number in range(bench.rounds):
        for kind in (Mesh, MeshOverPostgres):
            mesh = kind(bench.folder)
            try:
                mesh.start()
                for waiting in (False, True):
                    found = measure(mesh, waiting, seconds)
                    collect(points, kind.title, "visible" if waiting else "acknowledged", found)
                    bench.say(f"flood {number + 1}/{bench.rounds}: {kind.title},"
                              f" factor {found['factor']:.1f}, verified")
            finally:
                mesh.stop()
                mesh.clear()
    found = spreads(points)
    return {
        "about": (
            f"One client writes single events of one tenant, alone, and while another tenant's"
            f" {CLIENTS} clients write batches of {BATCH:,} as fast as they are answered. The"
            " flooders' cores are the server's, and no limits are set."),
        "tables": [{
            "caption": "One tenant's flood",
            "columns": ["", "until"] + [name for name, _ in COLUMNS],
            "rows": [[title, until] + [metrics[name] for _, name in COLUMNS]
                     for title, by_until in found.items()
                     for until, metrics in by_until.items()]}],
        "plots": [],
        "figures": {f"flood.{kind.name}.{until}.factor": metrics["factor"]
                    for kind in (Mesh, MeshOverPostgres)
                    for until, metrics in found[kind.title].items()},
    }


QUESTIONS = [Question("flood", "ingest", "One tenant's flood", flood, 4, 0.7)]
