"""A table after many commits of single events, against the same rows in ideal files."""

import json
import os

from bench.clients import Load, run_clients
from bench.contestants.contestant import next_run
from bench.contestants.mesh import Client, Mesh, MeshOverPostgres, TENANT
from bench.questions.latency import collect, spreads
from bench.questions.queries import (
    QUERIES, TABLE, point_query, raw_duckdb, same_answer, settle, timed)
from bench.questions.question import Question
from bench.samples import median
from bench.verify import checksum_query

CONNECTIONS = 64
SLICE_SECONDS = 20


def age(bench, mesh, commits, events):
    """Single events, waiting ones first, since those make the most commits.

    Returns the commits made, the rows, and the live files seen after each slice.
    """
    seconds = bench.choose(SLICE_SECONDS, 2)
    mesh.create(Load(TABLE, 1, CONNECTIONS, seconds))
    first, acknowledged, sent, files = mesh.snapshot(), 0, 0, []
    while True:
        waiting = mesh.snapshot() - first < commits
        if not waiting and acknowledged >= events:
            break
        loaded = mesh.load(Load(TABLE, 1, CONNECTIONS, seconds, wait_for_visibility=waiting))
        acknowledged, sent = acknowledged + loaded.acknowledged, sent + loaded.sent
        files.append(mesh.live_file_count(TABLE))
        bench.say(f"aged: {mesh.title}, {mesh.snapshot() - first} snapshots,"
                  f" {acknowledged} events, {files[-1]} live files")
    mesh.wait_until_visible()
    loaded.acknowledged, loaded.sent = acknowledged, sent
    rows = mesh.check(Load(TABLE, 1, CONNECTIONS, 0), loaded)
    return mesh.snapshot() - first, rows, files


def export_rows(mesh, path):
    """The table's rows as JSON lines, by DuckDB from the files that are live now."""
    raw = raw_duckdb(mesh, tables=(TABLE,))
    raw.rows(
        f"COPY (SELECT * REPLACE (strftime(occurred_at, '%Y-%m-%dT%H:%M:%S.%fZ') AS occurred_at)"
        f" FROM {TABLE} ORDER BY event_id) TO '{path}' (FORMAT json)")
    raw.stop()


def load_ideally(mesh, path):
    """The same rows into a fresh table in batches of 10,000, then merged to the end."""
    mesh.create(Load(TABLE, 10_000, 1, 0))
    client = Client(mesh.port)

    def post(lines):
        records = ",".join(
            f'{{"idempotency_key":"{json.loads(text)["event_id"]}","op":"insert",'
            f'"payload":{text}}}' for text in lines)
        client.post(f"/v1/ingest/{TABLE}", f'{{"records":[{records}]}}', TENANT,
                    "application/json")

    with open(path) as rows:
        lines = []
        for text in rows:
            lines.append(text.rstrip("\n"))
            if len(lines) == 10_000:
                post(lines)
                lines = []
        if lines:
            post(lines)
    client.close()
    mesh.wait_until_visible()
    settle(mesh)


def compare(bench, aged, ideal, points):
    """Interleaved rounds of the same queries on both servers, both warm."""
    asked = [entry for entry in QUERIES if entry[0] != "join"] + [point_query(aged)]
    for number in range(bench.rounds):
        for name, sql, _ in asked:
            repeat = bench.choose(20, 5)
            for mesh in (aged, ideal):
                timed(mesh.port, sql, 2)
            aged_ms = median(timed(aged.port, sql, repeat)["milliseconds"])
            ideal_ms = median(timed(ideal.port, sql, repeat)["milliseconds"])
            collect(points, name, 1, {
                "aged_ms": aged_ms, "ideal_ms": ideal_ms, "ratio": aged_ms / ideal_ms})
        bench.say(f"aged {number + 1}/{bench.rounds}: {aged.title}")
    return asked


def aged(bench):
    commits, events = bench.choose((18_000, 1_000_000), (30, 2_000))
    tables, plots, figures = [], [], {}
    for kind in (Mesh, MeshOverPostgres):
        aged_mesh, ideal = kind(bench.folder), Ideal(kind, bench.folder)
        path = os.path.join(bench.folder, "rows.json")
        try:
            aged_mesh.start()
            made, rows, files = age(bench, aged_mesh, commits, events)
            export_rows(aged_mesh, path)
            ideal.mesh.start()
            load_ideally(ideal.mesh, path)
            sums = [mesh.query((TENANT, TABLE), checksum_query) for mesh in (aged_mesh, ideal.mesh)]
            if sums[0] != sums[1]:
                raise RuntimeError("the aged and the ideal table hold different rows")
            points = {}
            asked = compare(bench, aged_mesh, ideal.mesh, points)
            ideal_files = ideal.mesh.live_file_count(TABLE)
        finally:
            aged_mesh.stop()
            aged_mesh.clear()
            ideal.mesh.stop()
            ideal.mesh.clear()
        found = spreads(points)
        names = ["aged_ms", "ideal_ms", "ratio"]
        tables.append({
            "caption": f"{kind.title}: {rows:,} rows, {made:,} snapshots, at most {max(files)} and"
                       f" at the end {files[-1]} live files; ideal: {ideal_files}",
            "columns": ["query", "aged ms", "ideal ms", "ratio"],
            "rows": [[name] + [found[name][1][metric] for metric in names]
                     for name, _, _ in asked]})
        plots.append({
            "name": f"aged-{kind.name}", "title": f"{kind.title}: live files while the table ages",
            "x": "slice", "y": "files",
            "series": {"live files": [
                (number + 1, count, count, count) for number, count in enumerate(files)]}})
        worst = max((found[name][1]["ratio"] for name, _, _ in asked),
                    key=lambda figure: figure["median"])
        figures[f"aged.{kind.name}.worst_ratio"] = worst
        figures[f"aged.{kind.name}.live_files"] = {
            "median": max(files), "min": min(files), "max": max(files), "rounds": files}
    return {
        "about": (
            "A table aged by single events over 64 connections at full speed: with"
            " `wait_for_visibility` until the commits are made, without for the rest of the"
            " events. The ideal table holds the same rows (checked), loaded in batches of 10,000"
            " in the order of their keys and merged until nothing is left to merge."),
        "tables": tables, "plots": plots, "figures": figures,
    }


class Ideal:
    """A second system of the same kind, in a folder of its own."""

    def __init__(self, kind, folder):
        self.mesh = kind(os.path.join(folder, "ideal"))


QUESTIONS = [Question("aged", "aged", "An aged table", aged, 25, 1)]
