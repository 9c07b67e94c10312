"""Load generators as child processes: readied first, started together, measured to the end."""

import json
import os
import select
import subprocess
from dataclasses import dataclass

from bench import processes
from bench.samples import latencies

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = "/usr/bin/python3"
DEPENDENCIES = os.path.join(ROOT, ".deps")
# DuckDB 1.5.5 with its extensions, or 2.0.0; the other modules stand beside the latter.
MODULES = {
    "1.5.5": [os.path.join(DEPENDENCIES, "oracle"), os.path.join(DEPENDENCIES, "peers")],
    "2.0.0": [os.path.join(DEPENDENCIES, "peers")],
    None: [],
}


@dataclass
class Load:
    """What clients are asked to do: `clients` of them, `batch` rows a request, for `seconds`."""

    table: str
    batch: int
    clients: int
    seconds: float
    tenants: int = 1
    method: str = "insert"
    wait_for_visibility: bool = False


@dataclass
class Loaded:
    """What clients did. `sent` counts rows that may be stored though nobody was told so."""

    acknowledged: int
    sent: int
    seconds: float
    latency_ms: dict
    generator_cpu_seconds: float
    errors: int = 0
    first_error: str | None = None
    # What the clients wrote and held themselves: of interest where they are the engine.
    written_bytes: int = 0
    peak_memory_bytes: int = 0
    # How late an open loop was itself in sending what was due.
    lateness_ms: dict | None = None


def environment(duckdb=None):
    values = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1")
    values["PYTHONPATH"] = ":".join(MODULES[duckdb] + [ROOT])
    return values


def start_worker(module, config, duckdb=None, log=None):
    """A module of bench.workers as a process that speaks lines over its pipes."""
    error = open(log, "ab") if log else None
    try:
        return processes.start(
            [PYTHON, "-m", f"bench.workers.{module}", json.dumps(config)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=error, text=True,
            env=environment(duckdb), cwd=ROOT)
    finally:
        if error:
            error.close()


def read_line(process, seconds=120):
    """One line of a worker; an ended or silent worker is an error."""
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    line = process.stdout.readline() if ready else ""
    if not line:
        raise RuntimeError(f"{process.args[2]} said nothing (status {process.poll()})")
    return line.strip()


def tell(process, line):
    process.stdin.write(line + "\n")
    process.stdin.flush()


def run_clients(module, configs, seconds, duckdb=None, log=None):
    """Runs one process for each config, all at once, and adds up what they report."""
    workers = [start_worker(module, config, duckdb, log) for config in configs]
    try:
        for worker in workers:
            line = read_line(worker)
            if line != "ready":
                raise RuntimeError(f"{module}: {line}")
        for worker in workers:
            tell(worker, "go")
        answers = [json.loads(read_line(worker, seconds + 300)) for worker in workers]
        taken = max(answer["seconds"] for answer in answers)
        for worker in workers:
            worker.stdin.close()
            processes.wait(worker, 60)
    finally:
        for worker in workers:
            processes.stop(worker)
    samples = [sample for answer in answers for sample in answer["latencies_ms"]]
    lateness = [sample for answer in answers for sample in answer.get("lateness_ms", ())]
    return Loaded(
        acknowledged=sum(answer["acknowledged"] for answer in answers),
        sent=sum(answer["sent"] for answer in answers),
        seconds=taken,
        latency_ms=latencies(samples or [0.0]),
        # Without what the clients used to start and to render their bodies.
        generator_cpu_seconds=sum(answer["cpu_seconds"] for answer in answers),
        errors=sum(answer["errors"] for answer in answers),
        written_bytes=sum(answer["written_bytes"] for answer in answers),
        peak_memory_bytes=sum(answer["peak_rss_bytes"] for answer in answers),
        lateness_ms=latencies(lateness) if lateness else None,
        first_error=next(
            (answer["first_error"] for answer in answers if answer["first_error"]), None),
    )
