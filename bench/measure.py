"""One load on one contestant as figures, and sweeps of loads in interleaved rounds."""

import time
from dataclasses import dataclass, replace

from bench.processes import Meter
from bench.samples import spread


@dataclass(frozen=True)
class Series:
    """A line of a plot: a contestant, and how it is asked to write."""

    title: str
    contestant: type
    method: str = "insert"
    # The greatest x at which it is measured; beyond it a peer only degrades.
    limit: float = float("inf")


def measure_load(contestant, load):
    """Creates the tables, runs the load, waits until it is visible, verifies; returns figures."""
    contestant.create(load)
    with Meter(contestant.roots) as meter:
        loaded = contestant.load(load)
        began = time.perf_counter()
        contestant.drain(load)
        visible_seconds = loaded.seconds + time.perf_counter() - began
    if loaded.acknowledged == 0:
        raise RuntimeError(
            f"{contestant.title}: nothing was acknowledged in {load.seconds} s of {load}"
            f" ({loaded.first_error})")
    stored = contestant.check(load, loaded)
    usage, generator = meter.usage, loaded.generator_cpu_seconds
    cpu, written, memory = usage.cpu_seconds, usage.written_bytes, usage.peak_pss_bytes
    if contestant.clients_are_engine:
        cpu, generator = cpu + generator, 0.0
        written, memory = written + loaded.written_bytes, memory + loaded.peak_memory_bytes
    return {
        "accepted_per_s": loaded.acknowledged / loaded.seconds,
        "visible_per_s": stored / visible_seconds,
        "p50_ms": loaded.latency_ms["p50"],
        "p95_ms": loaded.latency_ms["p95"],
        "p99_ms": loaded.latency_ms["p99"],
        "cpu_s_per_million": cpu / stored * 1e6,
        "generator_cpu_s_per_million": generator / stored * 1e6,
        "generator_cores": generator / loaded.seconds,
        "written_bytes_per_event": written / stored,
        "peak_memory_mb": memory / 1e6,
        "errors": loaded.errors,
        "rows": stored,
    }


def sweep(bench, name, series, loads):
    """Measures every series at every load: A B C, A B C, … with a fresh system for each turn.

    `loads` are pairs of x and Load. Returns {series title: {x: {metric: spread}}}.
    """
    figures = {}
    for number in range(bench.rounds):
        for entry in series:
            own = [(x, replace(load, method=entry.method)) for x, load in loads if x <= entry.limit]
            contestant = entry.contestant(bench.folder)
            try:
                contestant.start()
                for x, load in own:
                    load = replace(load, table=f"events_{x}")
                    found = measure_load(contestant, load)
                    bench.say(
                        f"{name} {number + 1}/{bench.rounds}: {entry.title}, {x}:"
                        f" {found['accepted_per_s']:,.0f}/s, {found['rows']} rows verified")
                    collected = figures.setdefault(entry.title, {}).setdefault(x, {})
                    for metric, value in found.items():
                        collected.setdefault(metric, []).append(value)
            finally:
                contestant.stop()
                contestant.clear()
    return {
        title: {x: {metric: spread(values) for metric, values in metrics.items()}
                for x, metrics in points.items()}
        for title, points in figures.items()
    }


def line(figures, metric):
    """{series: [(x, median, min, max)]} of one metric, for a plot."""
    return {
        title: [(x, metrics[metric]["median"], metrics[metric]["min"], metrics[metric]["max"])
                for x, metrics in points.items()]
        for title, points in figures.items()
    }


SWEEP_COLUMNS = [
    ("accepted/s", "accepted_per_s"), ("visible/s", "visible_per_s"), ("p50 ms", "p50_ms"),
    ("p95 ms", "p95_ms"), ("p99 ms", "p99_ms"), ("CPU s per million", "cpu_s_per_million"),
    ("generator CPU s per million", "generator_cpu_s_per_million"),
    ("generator cores", "generator_cores"), ("bytes written per event", "written_bytes_per_event"),
    ("peak memory MB", "peak_memory_mb"), ("errors", "errors"),
]


def table(caption, x_title, figures):
    """All metrics of a sweep as a table of the report; the first column of figures with spread."""
    lines = []
    for title, points in figures.items():
        for x, metrics in points.items():
            lines.append([title, x] + [metrics[name] for _, name in SWEEP_COLUMNS])
    return {"caption": caption, "columns": ["", x_title] + [title for title, _ in SWEEP_COLUMNS],
            "rows": lines}
