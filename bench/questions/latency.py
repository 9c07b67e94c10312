"""Acknowledgement under a fixed offered load, and a thousand slow tenants."""

from bench.clients import Load, run_clients
from bench.contestants.contestant import next_run
from bench.contestants.mesh import Mesh, MeshOverPostgres
from bench.contestants.postgres import Postgres
from bench.measure import line
from bench.processes import Meter
from bench.questions.question import Question
from bench.samples import spread
from bench.verify import checksum_query, distinct_query, verify

CONNECTIONS = 64
GENERATORS = 2
PROBES = 4
CHECKED_TENANTS = 10
COLUMNS = [
    ("offered/s", "offered_per_s"), ("answered/s", "answered_per_s"), ("p50 ms", "p50_ms"),
    ("p95 ms", "p95_ms"), ("p99 ms", "p99_ms"), ("generator late, p99 ms", "late_p99_ms"),
    ("CPU s per million", "cpu_s_per_million"), ("generator cores", "generator_cores"),
]


def open_loop(mesh, load, rate):
    """Offers `rate` events a second to the load's tenants over all connections."""
    run = next_run()
    return run_clients("open_loop", [
        {"port": mesh.port, "table": load.table, "tenants": load.tenants, "client": client,
         "run": run, "rate": rate / GENERATORS, "connections": load.clients // GENERATORS,
         "seconds": load.seconds, "wait_for_visibility": load.wait_for_visibility}
        for client in range(GENERATORS)], load.seconds, log=mesh.path("clients.log"))


def offer(contestant, load, rate):
    """One fixed load on one contestant, verified, as figures."""
    contestant.create(load)
    with Meter(contestant.roots) as meter:
        if isinstance(contestant, Postgres):
            loaded = contestant.load(load, rate=rate)
        else:
            loaded = open_loop(contestant, load, rate)
        contestant.drain(load)
    if loaded.errors:
        raise RuntimeError(f"{contestant.title}: {loaded.errors} errors, {loaded.first_error}")
    stored = contestant.check(load, loaded)
    return {
        "offered_per_s": rate, "answered_per_s": loaded.acknowledged / loaded.seconds,
        "p50_ms": loaded.latency_ms["p50"], "p95_ms": loaded.latency_ms["p95"],
        "p99_ms": loaded.latency_ms["p99"],
        "late_p99_ms": loaded.lateness_ms["p99"] if loaded.lateness_ms else 0,
        "cpu_s_per_million": meter.usage.cpu_seconds / stored * 1e6,
        "generator_cores": loaded.generator_cpu_seconds / loaded.seconds,
    }


def collect(points, title, x, found):
    metrics = points.setdefault(title, {}).setdefault(x, {})
    for name, value in found.items():
        metrics.setdefault(name, []).append(value)


def spreads(points):
    return {title: {x: {name: spread(values) for name, values in metrics.items()}
                    for x, metrics in by_x.items()} for title, by_x in points.items()}


def latency(bench):
    rates = bench.choose([100, 1_000, 4_000], [50])
    seconds = bench.choose(15, 2)
    points = {}
    for number in range(bench.rounds):
        for kind in (Mesh, MeshOverPostgres, Postgres):
            contestant = kind(bench.folder)
            try:
                contestant.start()
                for rate in rates:
                    load = Load(f"offered_{rate}", 1, CONNECTIONS, seconds)
                    found = offer(contestant, load, rate)
                    collect(points, kind.title, rate, found)
                    bench.say(f"latency {number + 1}/{bench.rounds}: {kind.title}, {rate}/s:"
                              f" p99 {found['p99_ms']:.1f} ms")
            finally:
                contestant.stop()
                contestant.clear()
    found = spreads(points)
    return {
        "about": (
            "Single events that fall due as a Poisson process of a fixed rate, over 64"
            " connections. Latency counts from the moment an event was due, not from when it was"
            " sent, so waiting behind a stall is counted (pgbench --rate does the same)."),
        "tables": [{
            "caption": "Acknowledgement under a fixed load",
            "columns": ["", "rate"] + [title for title, _ in COLUMNS[1:]],
            "rows": [[title, rate] + [metrics[name] for _, name in COLUMNS[1:]]
                     for title, by_rate in found.items() for rate, metrics in by_rate.items()]}],
        "plots": [{"name": "latency-p99", "title": "Acknowledgement, p99", "x": "offered events/s",
                   "y": "ms", "series": line(found, "p99_ms")}],
        "figures": {},
    }


def slow_tenants(bench):
    """Every tenant writes about once a second; contents are checked for some of them."""
    count = bench.choose(1_000, 20)
    seconds = bench.choose(60, 3)
    points, lines = {}, []
    for kind in (Mesh, MeshOverPostgres):
        mesh = kind(bench.folder)
        try:
            mesh.start()
            load = Load("slow", 1, CONNECTIONS, seconds, tenants=count)
            mesh.create(load)
            with Meter(mesh.roots, interval=1) as meter:
                run = next_run()
                loaded = open_loop_with_probe(mesh, load, count, run)
                mesh.drain(load)
            accepted = sum(mesh.lag(tenant)["accepted_events"] for tenant in mesh.tenants(load))
            answered, probe = loaded
            if not answered.errors == probe.errors == 0:
                raise RuntimeError(answered.first_error or probe.first_error)
            if accepted != answered.acknowledged + probe.acknowledged:
                raise RuntimeError(
                    f"{accepted} events of {answered.acknowledged} + {probe.acknowledged}")
            for tenant in mesh.tenants(load)[:CHECKED_TENANTS]:
                check_tenant(mesh, tenant, load.table)
            lines.append([
                kind.title, count, answered.acknowledged / answered.seconds,
                answered.latency_ms["p50"], answered.latency_ms["p99"],
                probe.latency_ms["p50"], probe.latency_ms["p95"],
                meter.usage.cpu_seconds / accepted * 1e6,
                meter.usage.written_bytes / accepted, meter.usage.peak_pss_bytes / 1e6])
            collect(points, kind.title, count, {"visible_p95_ms": probe.latency_ms["p95"]})
            bench.say(f"slow-tenants: {kind.title}, {accepted} events counted")
        finally:
            mesh.stop()
            mesh.clear()
    found = spreads(points)
    return {
        "about": (
            f"{count} tenants with a table each, one event a second for each of them on average."
            " Counts are checked by every tenant's accounts, contents for some tenants. Visible:"
            " four tenants' writers, who do not wait, watch the watermark. One round."),
        "tables": [{"caption": "Slow tenants", "columns": [
            "", "tenants", "events/s", "acknowledged p50 ms", "p99 ms", "visible p50 ms", "p95 ms",
            "CPU s per million", "bytes written per event", "peak memory MB"], "rows": lines}],
        "plots": [],
        "figures": {f"slow.{kind.name}.visible_p95": found[kind.title][count]["visible_p95_ms"]
                    for kind in (Mesh, MeshOverPostgres)},
    }


def check_tenant(mesh, tenant, table):
    """Holds a tenant's rows against what it was told had been accepted."""
    accepted = mesh.lag(tenant)["accepted_events"]
    (counts,) = mesh.query((tenant, table), lambda name: distinct_query(name, 0, 1))
    lines = mesh.query((tenant, table), checksum_query)
    verify(lines, *map(int, counts), accepted, accepted)


def open_loop_with_probe(mesh, load, rate, run):
    """The offered load, and meanwhile a few tenants' writers that watch their events appear."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        probe = pool.submit(
            run_clients, "visibility_probe",
            [{"port": mesh.port, "table": load.table, "run": run, "seconds": load.seconds,
              # A look every 2 ms would be a load of its own beside a second's wait.
              "poll_seconds": 0.02,
              "writers": [{"tenant": number, "client": 4000 + number} for number in range(PROBES)],
              }], load.seconds, None, mesh.path("probe.log"))
        return open_loop(mesh, load, rate), probe.result()


QUESTIONS = [
    Question("latency", "ingest", "Acknowledgement under a fixed load", latency, 9, 0.5),
    Question("slow-tenants", "ingest", "A thousand slow tenants", slow_tenants, 4, 0.4),
]
