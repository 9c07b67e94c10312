"""What DuckMesh has set itself, held against the figures of a run."""

from dataclasses import dataclass

from bench.samples import ratio, rounded


@dataclass(frozen=True)
class Target:
    """A bound on one figure, or on the ratio of two (`over`); `at_least` or else at most."""

    text: str
    figure: str
    bound: float
    at_least: bool
    over: str | None = None
    unit: str = ""


def _at_least(text, figure, over, bound):
    return Target(text, figure, bound, True, over, "×")


def _at_most(text, figure, bound, unit):
    return Target(text, figure, bound, False, None, unit)


SINGLE = "single events, 64 connections, over PostgreSQL, against "
TARGETS = [
    _at_least(SINGLE + "PostgreSQL's single-row INSERT by 64 clients",
              "single.mesh-postgres.64", "single.postgres.64", 2),
    _at_least("the same with 16 tenants", "tenants.mesh-postgres.16", "tenants.postgres", 2),
    _at_least("the same with 64 tenants", "tenants.mesh-postgres.64", "tenants.postgres", 2),
    _at_least(SINGLE + "DuckLake's concurrent writers at their best",
              "single.mesh-postgres.64", "single.ducklake.best", 50),
    _at_least(SINGLE + "Quack's clients at their best",
              "single.mesh-postgres.64", "single.quack.best", 20),
    _at_least("batches of 1,000, over PostgreSQL, against PostgreSQL's multi-row INSERT",
              "batch.mesh-postgres.1000", "batch.postgres.1000", 1),
] + [
    _at_least(f"a file of {label} with a batch key until visible, {where}, against Quack's insert",
              f"bulk.{name}.{kind}", f"bulk.quack.{kind}", 1)
    for kind, label in (("ndjson", "NDJSON"), ("parquet", "Parquet"))
    for name, where in (("duckmesh", "embedded"), ("duckmesh-postgres", "over PostgreSQL"))
] + [
    _at_most("write to visible, waiting, 1 client, embedded, p95",
             "visible.duckmesh.waiting.1", 50, "ms"),
    _at_most("write to visible, waiting, 64 clients, embedded, p95",
             "visible.duckmesh.waiting.64", 50, "ms"),
    _at_most("write to visible, waiting, 64 clients, over PostgreSQL, p95",
             "visible.duckmesh-postgres.waiting.64", 50, "ms"),
    _at_most("write to visible, not waiting, one table (2 × 200 ms), embedded, p95",
             "visible.duckmesh.unhurried", 400, "ms"),
    _at_most("write to visible, not waiting, one table (2 × 200 ms), over PostgreSQL, p95",
             "visible.duckmesh-postgres.unhurried", 400, "ms"),
    _at_most("write to visible, a thousand slow tenants, embedded, p95",
             "slow.duckmesh.visible_p95", 3_000, "ms"),
    _at_most("write to visible, a thousand slow tenants, over PostgreSQL, p95",
             "slow.duckmesh-postgres.visible_p95", 3_000, "ms"),
    _at_most("query, fixed overhead over plain DuckDB (count of all rows), embedded",
             "query.duckmesh.fixed", 3, "ms"),
    _at_most("query, fixed overhead over plain DuckDB (count of all rows), over PostgreSQL",
             "query.duckmesh-postgres.fixed", 3, "ms"),
] + [
    _at_most(f"{scan}: time beyond 1.05 × plain DuckDB + 3 ms, embedded",
             f"query.duckmesh.{scan}.beyond", 0, "ms")
    for scan in ("filter", "group-by", "join")
] + [
    _at_most("aged table, live files, embedded", "aged.duckmesh.live_files", 100, "files"),
    _at_most("aged table, live files, over PostgreSQL",
             "aged.duckmesh-postgres.live_files", 100, "files"),
    _at_most("aged table, slowest query against ideal files, embedded",
             "aged.duckmesh.worst_ratio", 1.3, "×"),
    _at_most("aged table, slowest query against ideal files, over PostgreSQL",
             "aged.duckmesh-postgres.worst_ratio", 1.3, "×"),
    _at_most("seven days of upserts, slowest scan against a fresh table, embedded",
             "days.duckmesh.scan_ratio", 1.3, "×"),
    _at_most("seven days of upserts, slowest scan against a fresh table, over PostgreSQL",
             "days.duckmesh-postgres.scan_ratio", 1.3, "×"),
    _at_most("embedded, idle", "start.duckmesh.idle_mb", 150, "MB"),
    _at_most("embedded, from the start of the process to its first answer",
             "start.duckmesh.start_and_query_ms", 300, "ms"),
]


def judged(target, figures):
    """The target's line of the report: text, bound, measured, verdict."""
    bound = f"{'≥' if target.at_least else '≤'} {rounded(target.bound)} {target.unit}"
    if target.figure not in figures or target.over and target.over not in figures:
        return [target.text, bound, "–", "not measured in this run"]
    value = figures[target.figure]["median"]
    if target.over:
        value = ratio(value, figures[target.over]["median"])
    met = value >= target.bound if target.at_least else value <= target.bound
    return [target.text, bound, f"{rounded(value)} {target.unit}",
            "met" if met else "**not met**" + _shortfall(target, value)]


def _shortfall(target, value):
    if not target.bound:
        return f", by {rounded(value)} {target.unit}"
    if target.at_least:
        return f", {rounded(100 * value / target.bound)}% of it"
    return f", {rounded(value / target.bound)} times the bound"
