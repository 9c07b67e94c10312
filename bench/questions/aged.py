"""A table after many commits of single events, against the same rows in ideal files."""

import json
import os
import threading

from bench.clients import Load
from bench.contestants.mesh import Client, Mesh, MeshOverPostgres, TENANT
from bench.questions.latency import collect, spreads
from bench.questions.queries import (
    QUERIES, TABLE, point_query, raw_duckdb, settle, timed)
from bench.questions.question import Question
from bench.samples import median
from bench.verify import checksum_query

CONNECTIONS = 64
SLICE_SECONDS = 20


class FileCounter:
    """Counts a table's live files once a second, while others write."""

    def __init__(self, mesh):
        self._mesh = mesh
        self.counts = []

    def __enter__(self):
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _watch(self):
        client = Client(self._mesh.port)
        while not self._done.wait(1):
            self.counts.append(self._mesh.live_file_count(TABLE, client=client))
        client.close()


def age(bench, mesh, commits, events):
    """Single events at full speed; those that wait come last, and leave the table at its worst.

    Returns the snapshots made, the rows, and the live files once a second.
    """
    seconds = bench.choose(SLICE_SECONDS, 2)
    mesh.create(Load(TABLE, 1, CONNECTIONS, seconds))
    first, whole = mesh.snapshot(), None
    with FileCounter(mesh) as counter:
        while True:
            made = mesh.snapshot() - first
            waiting = whole is not None and whole.acknowledged >= events
            if waiting and made >= commits:
                break
            loaded = mesh.load(Load(TABLE, 1, CONNECTIONS, seconds, wait_for_visibility=waiting))
            if whole:
                loaded.acknowledged += whole.acknowledged
                loaded.sent += whole.sent
            whole = loaded
            bench.say(f"aged: {mesh.title}, {made:,} snapshots, {whole.acknowledged:,} events")
    mesh.wait_until_visible()
    counter.counts.append(mesh.live_file_count(TABLE))
    rows = mesh.check(Load(TABLE, 1, CONNECTIONS, 0), whole)
    return mesh.snapshot() - first, rows, counter.counts


def export_rows(mesh, path):
    """The table's rows as JSON lines in the order in which they came, by DuckDB from its files.

    In another order they would be another table to compress and to scan.
    """
    raw = raw_duckdb(mesh, tables=(TABLE,))
    raw.rows(
        f"COPY (SELECT * REPLACE (strftime(occurred_at, '%Y-%m-%dT%H:%M:%S.%fZ') AS occurred_at)"
        f" FROM {TABLE}) TO '{path}' (FORMAT json)")
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
            "x": "seconds", "y": "files", "linear": True, "series": {"live files": [
                (number + 1, count, count, count) for number, count in enumerate(files)]}})
        worst = max((found[name][1]["ratio"] for name, _, _ in asked),
                    key=lambda figure: figure["median"])
        figures[f"aged.{kind.name}.worst_ratio"] = worst
        figures[f"aged.{kind.name}.live_files"] = {
            "median": max(files), "min": min(files), "max": max(files), "rounds": files}
    return {
        "about": (
            "A table aged by single events over 64 connections at full speed, first until the"
            " events are there, then with `wait_for_visibility` until the commits are made, which"
            " is what makes the most small files; the queries follow at once. The ideal table"
            " holds the same rows (checked), loaded in the order in which they came, in batches of"
            " 10,000, and merged until nothing is left to merge."),
        "tables": tables, "plots": plots, "figures": figures,
    }


class Ideal:
    """A second system of the same kind, in a folder of its own."""

    def __init__(self, kind, folder):
        self.mesh = kind(os.path.join(folder, "ideal"))


QUESTIONS = [Question("aged", "aged", "An aged table", aged, 25, 1)]
