"""Where the CPU time of an event goes, by stage: samples of whole process trees while they load."""

import os
import re
import subprocess
from dataclasses import dataclass

from bench import processes
from bench.clients import Load
from bench.contestants.mesh import Mesh, MeshOverPostgres
from bench.processes import Meter
from bench.questions.question import Question
from bench.samples import spread

FREQUENCY = 397
# Enough for the deepest path from a thread's start to the engine's own code.
STACK_BYTES = 16_384


@dataclass(frozen=True)
class Stage:
    """Samples of these threads, or with one of these functions on their stack."""

    title: str
    threads: str = ""
    functions: str = ""

    def holds(self, thread, functions):
        if self.threads and not re.match(self.threads, thread):
            return False
        return not self.functions or re.search(self.functions, functions) is not None


# The first that holds counts. Names of Swift functions are mangled: words of them are enough.
STAGES = [
    Stage("PostgreSQL's own processes", "postgres$"),
    Stage("PostgreSQL client: sending, receiving, decoding", "postgresql-"),
    Stage("typed Parquet (DuckDB)", "materializer"),
    Stage("data files: fsync and rename", "files-"),
    Stage("request head: route, identity, limits", "MHD-worker", "HeadGate|RequestContext"),
    Stage("metrics and accounts of requests", "MHD-worker", "onCompleted"),
    Stage("HTTP: sockets, headers, answers", "MHD-worker"),
    Stage("JSON, types and hashes of records", "",
          "IngestParser|PayloadReader|IngestRequestReader|RecordHasher|csj_parser|Canonical"),
    Stage("checkpoints of SQLite's log", "", "Checkpoint"),
    # The engine's own work at the end of a transaction does not tell whose it is.
    Stage("SQLite: publishing, claiming, committing", "",
          "SQLiteIngestBus|SQLiteCatalog|TenantPublish|BusRows|LakeCommit|DatabaseQueue|sqlite3"),
    Stage("groups of submissions, segments", "", r"PublishLane|GroupQueue|SegmentCodec\S*encode"),
    Stage("coordinator: claiming, decoding, planning, committing", "",
          "Coordinator|Flight|BatchPlan|SegmentCodec|PostgreSQLCatalog|PostgreSQLIngestBus"),
    Stage("request: handler, receipt, answer", "", "IngestHandler|APIHandler|Exchange|Publisher"),
    Stage("scheduling of tasks", "", "_dispatch_|swift_task|swift_job|swift::"),
    Stage("rest"),
]


def record(pids, seconds, path):
    """Starts to sample; the process ends by itself."""
    return processes.start(
        ["perf", "record", "--freq", str(FREQUENCY), "--call-graph", f"dwarf,{STACK_BYTES}",
         "--pid", ",".join(map(str, pids)), "--output", path, "--quiet", "--",
         "sleep", str(seconds)], log=path + ".log")


def samples(path):
    """Thread and joined function names of each sample."""
    reader = subprocess.Popen(
        ["perf", "script", "--input", path, "--fields", "comm,ip,sym", "--demangle"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace")
    thread, functions = None, []
    for line in reader.stdout:
        line = line.rstrip("\n")
        if not line:
            if thread is not None:
                yield thread, " ".join(functions)
            thread, functions = None, []
        elif line[0] in " \t" and thread is not None:
            functions.append(line.strip().partition(" ")[2])
        else:
            thread = line.strip()
    if reader.wait():
        raise RuntimeError(f"perf cannot read its samples of {path}")


def shares(path):
    """Each stage's share of the samples."""
    counts, total = {stage.title: 0 for stage in STAGES}, 0
    for thread, functions in samples(path):
        stage = next(stage for stage in STAGES if stage.holds(thread, functions))
        counts[stage.title] += 1
        total += 1
    if total < 200:
        raise RuntimeError(f"perf has taken only {total} samples")
    return {title: count / total for title, count in counts.items()}


def measure(mesh, load):
    """CPU seconds per million events by stage: the shares of the samples of the exact sum."""
    warm_up = Load(load.table + "_before", load.batch, load.clients, 2)
    mesh.create(warm_up)
    mesh.load(warm_up)
    mesh.create(load)
    path = mesh.path("stages.perf")
    pids = [pid for root in mesh.roots for pid in processes.tree(root)]
    with Meter(mesh.roots) as meter:
        sampler = record(pids, load.seconds, path)
        loaded = mesh.load(load)
        processes.wait(sampler, 120)
        mesh.drain(load)
    stored = mesh.check(load, loaded)
    found = shares(path)
    for name in (path, path + ".log"):
        os.unlink(name)
    per_million = meter.usage.cpu_seconds / stored * 1e6
    return {title: share * per_million for title, share in found.items()} | {"all": per_million}


def require_perf(folder):
    """Fails before the loads do where the machine does not let processes be sampled."""
    path = os.path.join(folder, "perf.probe")
    found = subprocess.run(
        ["perf", "record", "--quiet", "--output", path, "--", "true"], capture_output=True,
        text=True)
    if found.returncode:
        raise RuntimeError(f"perf cannot sample here: {found.stderr.strip()[:300]}")
    os.unlink(path)


def stages(bench):
    require_perf(bench.folder)
    seconds = bench.choose(8, 3)
    kinds = [("single events, 64 connections", Load("single", 1, 64, seconds)),
             ("batches of 1,000, 8 clients", Load("batches", 1_000, 8, seconds))]
    figures = {}
    for number in range(bench.rounds):
        for kind in (Mesh, MeshOverPostgres):
            mesh = kind(bench.folder)
            try:
                mesh.start()
                for title, load in kinds:
                    figures.setdefault((kind, title), []).append(measure(mesh, load))
                    bench.say(f"stages {number + 1}/{bench.rounds}: {mesh.title}, {title}")
            finally:
                mesh.stop()
    columns = [(kind, title) for title, _ in kinds for kind in (Mesh, MeshOverPostgres)]
    rows = [
        [stage] + [spread([found[stage] for found in figures[column]]) for column in columns]
        for stage in [stage.title for stage in STAGES] + ["all"]]
    rows = [row for row in rows if any(cell["median"] for cell in row[1:])]
    return {
        "about": (
            "CPU seconds per million events of all processes of the server, PostgreSQL's"
            " included, until everything is visible. The sum is exact; its parts are shares of"
            f" samples with whole stacks, {FREQUENCY} a second, while the load runs. Sampling"
            " itself makes everything dearer than in the other questions."),
        "tables": [{
            "caption": "CPU seconds per million events by stage",
            "columns": ["stage"] + [f"{title}: {kind.title}" for kind, title in columns],
            "rows": rows}],
        "plots": [], "figures": {},
    }


QUESTIONS = [Question("stages", "stages", "CPU by stage", stages, 4, 1)]
