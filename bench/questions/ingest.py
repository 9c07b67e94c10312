"""Single events, batches, and tenants: who accepts how much, and what it costs."""

from bench.clients import Load
from bench.contestants.lakes import Delta, DuckLake, Quack
from bench.contestants.mesh import Mesh, MeshOverPostgres
from bench.contestants.postgres import Postgres
from bench.measure import Series, line, sweep, table
from bench.questions.question import Question

MESH = [Series(Mesh.title, Mesh), Series(MeshOverPostgres.title, MeshOverPostgres)]
SINGLE_SERIES = MESH + [
    Series("PostgreSQL, single-row INSERT", Postgres),
    # At most 16 writers run at once; more of them only lose more conflicts.
    Series(DuckLake.title, DuckLake, limit=64),
    Series(Quack.title, Quack, limit=64),
    # Its appends fight for the next version of the log.
    Series(Delta.title, Delta, limit=8),
]
BATCH_SERIES = MESH + [
    Series("PostgreSQL, multi-row VALUES", Postgres, "insert"),
    Series("PostgreSQL, COPY", Postgres, "copy"),
    Series(DuckLake.title, DuckLake), Series(Quack.title, Quack), Series(Delta.title, Delta),
]
BATCH_CLIENTS = 8


def rate(points, x):
    return points[x]["accepted_per_s"]


def best(points):
    """The figure of a peer at the number of clients that suits it best."""
    return max((metrics["accepted_per_s"] for metrics in points.values()),
               key=lambda figure: figure["median"])


def single(bench):
    # PostgreSQL needs a second or two to come to its speed.
    seconds = bench.choose(10, 4)
    connections = bench.choose([1, 8, 64, 256], [1, 64])
    loads = [(count, Load("", 1, count, seconds)) for count in connections]
    found = sweep(bench, "single", SINGLE_SERIES, loads)
    return {
        "about": (
            "Requests of one event each in a closed loop, one tenant. DuckLake and Quack are"
            " driven by at most 16 client processes (more were not tried); targets compare with"
            " the best of each peer's figures."),
        "tables": [table("Single events by connections", "connections", found)],
        "plots": [
            {"name": "single-rate", "title": "Durable single events a second",
             "x": "connections", "y": "events/s", "series": line(found, "accepted_per_s")},
            {"name": "single-p99", "title": "Latency of a single event, p99",
             "x": "connections", "y": "ms", "series": line(found, "p99_ms")},
        ],
        "figures": {
            "single.mesh.64": rate(found[Mesh.title], 64),
            "single.mesh-postgres.64": rate(found[MeshOverPostgres.title], 64),
            "single.postgres.64": rate(found["PostgreSQL, single-row INSERT"], 64),
            "single.ducklake.best": best(found[DuckLake.title]),
            "single.quack.best": best(found[Quack.title]),
        },
    }


def batches(bench):
    # A batch of 10,000 takes a while on a busy machine: a short load would see none answered.
    seconds = bench.choose(10, 3)
    sizes = bench.choose([10, 100, 1_000, 10_000], [100, 1_000])
    loads = [(size, Load("", size, bench.choose(BATCH_CLIENTS, 4), seconds)) for size in sizes]
    found = sweep(bench, "batches", BATCH_SERIES, loads)
    return {
        "about": (
            f"{BATCH_CLIENTS} clients (4 in the short form) in a closed loop, one tenant, a key"
            " for every record. Clients of the peers replace the keys in statements that were"
            " rendered before, as those of DuckMesh do."),
        "tables": [table("Batches by size", "batch", found)],
        "plots": [
            {"name": "batches-rate", "title": "Durable events a second by size of the batch",
             "x": "events in a batch", "y": "events/s",
             "series": line(found, "accepted_per_s")},
            {"name": "batches-cpu", "title": "CPU seconds per million events",
             "x": "events in a batch", "y": "CPU s",
             "series": line(found, "cpu_s_per_million")},
        ],
        "figures": {
            "batch.mesh.1000": rate(found[Mesh.title], 1_000),
            "batch.mesh-postgres.1000": rate(found[MeshOverPostgres.title], 1_000),
            "batch.postgres.1000": rate(found["PostgreSQL, multi-row VALUES"], 1_000),
        },
    }


def tenants(bench):
    seconds = bench.choose(10, 4)
    counts = bench.choose([1, 16, 64], [1, 16])
    loads = [(count, Load("", 1, 64, seconds, tenants=count)) for count in counts]
    series = MESH + [Series("PostgreSQL, single-row INSERT", Postgres, limit=1)]
    found = sweep(bench, "tenants", series, loads)
    figures = {"tenants.postgres": rate(found["PostgreSQL, single-row INSERT"], 1)}
    for count in counts:
        figures[f"tenants.mesh-postgres.{count}"] = rate(found[MeshOverPostgres.title], count)
        figures[f"tenants.mesh.{count}"] = rate(found[Mesh.title], count)
    return {
        "about": (
            "Single events over 64 connections, spread evenly over tenants with a table each."
            " PostgreSQL has no tenants; its figure is the reference of the same rounds."),
        "tables": [table("Single events by tenants", "tenants", found)],
        "plots": [
            {"name": "tenants-rate", "title": "Durable single events a second by tenants",
             "x": "tenants", "y": "events/s", "series": line(found, "accepted_per_s")}],
        "figures": figures,
    }


QUESTIONS = [
    Question("single", "ingest", "Single events", single, 17, 3),
    Question("batches", "ingest", "Batches", batches, 22, 2.5),
    Question("tenants", "ingest", "Many tenants", tenants, 6, 1),
]
