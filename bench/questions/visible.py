"""From the write to the row in a query: waiting for it, and not waiting."""

from dataclasses import replace

from bench.clients import Load, run_clients
from bench.contestants.contestant import next_run
from bench.contestants.mesh import Mesh, MeshOverPostgres
from bench.measure import line, measure_load
from bench.questions.latency import collect, spreads
from bench.questions.question import Question


def watched(mesh, load):
    """Writers that do not wait, whose events are watched becoming visible."""
    mesh.create(load)
    run = next_run()
    writers = [{"tenant": 0, "client": client} for client in range(load.clients)]
    loaded = run_clients("visibility_probe", [
        {"port": mesh.port, "table": load.table, "run": run, "seconds": load.seconds,
         "writers": writers}], load.seconds, log=mesh.path("clients.log"))
    if loaded.errors:
        raise RuntimeError(f"{mesh.title}: {loaded.errors} errors, {loaded.first_error}")
    mesh.drain(load)
    stored = mesh.check(load, loaded)
    return {"p50_ms": loaded.latency_ms["p50"], "p95_ms": loaded.latency_ms["p95"],
            "p99_ms": loaded.latency_ms["p99"], "rows": stored}


def visible(bench):
    clients = bench.choose([1, 16, 64], [1, 8])
    seconds = bench.choose(10, 2)
    waiting, unhurried = {}, {}
    for number in range(bench.rounds):
        for kind in (Mesh, MeshOverPostgres):
            mesh = kind(bench.folder)
            try:
                mesh.start()
                for count in clients:
                    load = Load(f"waiting_{count}", 1, count, seconds, wait_for_visibility=True)
                    collect(waiting, kind.title, count, measure_load(mesh, load))
                    load = replace(load, table=f"watched_{count}", wait_for_visibility=False)
                    collect(unhurried, kind.title, count, watched(mesh, load))
                    bench.say(f"visible {number + 1}/{bench.rounds}: {kind.title}, {count} clients")
            finally:
                mesh.stop()
                mesh.clear()
    waiting, unhurried = spreads(waiting), spreads(unhurried)
    names = ["p50_ms", "p95_ms", "p99_ms", "rows"]

    def lines(points):
        return [[title, x] + [metrics[name] for name in names]
                for title, by_x in points.items() for x, metrics in by_x.items()]

    columns = ["", "clients", "p50 ms", "p95 ms", "p99 ms", "events"]
    largest = clients[-1]
    figures = {}
    for kind in (Mesh, MeshOverPostgres):
        for count in clients:
            figures[f"visible.{kind.name}.waiting.{count}"] = (
                waiting[kind.title][count]["p95_ms"])
        figures[f"visible.{kind.name}.unhurried"] = unhurried[kind.title][largest]["p95_ms"]
    return {
        "about": (
            "Waiting: requests with `wait_for_visibility`, answered when the event can be queried,"
            " in a closed loop. Not waiting: the watermark is looked at every 2 ms, once for all"
            " writers, each of whom goes on when its event is below it; writers pause up to 200 ms,"
            " so that they meet every moment of the flush interval."),
        "tables": [
            {"caption": "Waiting writes", "columns": columns, "rows": lines(waiting)},
            {"caption": "Writes that do not wait", "columns": columns, "rows": lines(unhurried)}],
        "plots": [
            {"name": "visible-waiting", "title": "Write to visible, waiting, p95", "x": "clients",
             "y": "ms", "series": line(waiting, "p95_ms")},
            {"name": "visible-unhurried", "title": "Write to visible, not waiting, p95",
             "x": "clients", "y": "ms", "series": line(unhurried, "p95_ms")}],
        "figures": figures,
    }


QUESTIONS = [Question("visible", "visible", "Write to visible", visible, 9, 0.8)]
