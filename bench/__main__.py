"""python3 -m bench [QUESTION | GROUP]…: measures, verifies, reports. See docs/benchmarks.md.

QUICK=1 is the short form, ONLY=a,b chooses questions, ROUNDS=N sets the rounds, WRITE_REPORT=1
writes docs/benchmarks.md and its plots. `python3 -m bench report FILE…` writes them from the
results of earlier runs; where several have asked a question, the last one counts.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from bench import machine, report
from bench.clients import ROOT
from bench.contestants.lakes import Delta, DuckLake, Quack
from bench.contestants.mesh import PROGRAM, Mesh, MeshOverPostgres
from bench.contestants.postgres import RUN_FOLDER, Postgres, program
from bench.processes import stop_all
from bench.questions import (
    aged, bulk, flood, growth, ingest, keyed, latency, queries, stages, visible)
from bench.questions.question import Bench
from bench.targets import TARGETS, judged
from bench.verify import VerificationFailed

CONTESTANTS = [Mesh, MeshOverPostgres, Postgres, DuckLake, Quack, Delta]
PEERS = ["duckdb-extension-ducklake", "duckdb-extension-quack", "deltalake", "duckdb"]
QUESTIONS = [
    question for module in (
        ingest, bulk, latency, flood, visible, queries, growth, aged, keyed, stages)
    for question in module.QUESTIONS]


def chosen(names):
    """The questions that are named, or whose group is; all without a name."""
    names = names or ["all"]
    known = {"all"} | {name for entry in QUESTIONS for name in (entry.name, entry.group)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(
            f"bench: unknown {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return [entry for entry in QUESTIONS
            if "all" in names or entry.name in names or entry.group in names]


def pinned():
    """Versions of the peers' packages by name, as scripts/deps installs them."""
    found = {}
    for name in ("oracle", "bench"):
        with open(os.path.join(ROOT, "scripts", "pins", f"{name}.txt")) as file:
            entries = [line.split()[0] for line in file if "==" in line]
        found.update(entry.split("==") for entry in entries)
    return found


def versions():
    pins = pinned()

    def line(*arguments):
        answer = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT)
        return (answer.stdout + answer.stderr).strip().split("\n")[0]

    return {
        "DuckMesh": f"{line(PROGRAM, '--version')}, commit {line('git', 'rev-parse', 'HEAD')[:12]}"
        + (", with uncommitted changes" if line("git", "status", "--porcelain") else ""),
        "PostgreSQL": line(program("postgres"), "--version"),
        **{name: pins[name] for name in PEERS},
        "wrk": line("wrk", "--version"),
        "Python": sys.version.split()[0],
    }


def measure(questions, folder, quick):
    bench = Bench(folder, quick)
    results = {
        "machine": machine.describe(folder, quick), "versions": versions(), "quick": quick,
        "rounds": bench.rounds, "questions": {}, "failures": {},
        "durability": {kind.title: kind.durability for kind in CONTESTANTS},
    }
    for question in questions:
        bench.say(f"{question.name}: {question.title}")
        began = time.monotonic()
        try:
            answer = question.run(bench)
        except Exception as failure:
            # The others are still worth their time; the run ends as failed.
            traceback.print_exc()
            kind = "verification failed" if isinstance(failure, VerificationFailed) else "failed"
            results["failures"][question.name] = f"{kind}: {failure}"
        else:
            results["questions"][question.name] = {
                "title": question.title, **answer, "seconds": time.monotonic() - began}
        results["seconds"] = time.monotonic() - bench.began
        # Saved after each question, so that a later failure does not cost the earlier ones.
        path = report.save(results)
        bench.say(f"{question.name} took {(time.monotonic() - began) / 60:.1f} minutes")
    return results, path


def summary(results):
    found = report.figures(results)
    for target in TARGETS:
        text, bound, measured, verdict = judged(target, found)
        if measured != "–":
            print(f"{'met' if verdict == 'met' else 'NOT MET':8}{measured:>12}  {bound:12}{text}")


def main(arguments):
    if arguments[:1] == ["report"]:
        runs = []
        for path in arguments[1:]:
            with open(path) as file:
                runs.append(json.load(file))
        report.write(report.merged(runs))
        return 0
    quick = os.environ.get("QUICK", "") not in ("", "0")
    only = [name for name in os.environ.get("ONLY", "").replace(",", " ").split() if name]
    questions = chosen(only or arguments)
    minutes = sum(entry.quick_minutes if quick else entry.full_minutes for entry in questions)
    names = ", ".join(entry.name for entry in questions)
    print(f"bench: {names}; about {minutes:.0f} minutes in all", file=sys.stderr)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix=RUN_FOLDER, dir=os.environ.get("BENCH_DIR"))
    began = time.monotonic()
    try:
        results, path = measure(questions, folder, quick)
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    finally:
        stop_all()
        shutil.rmtree(folder, ignore_errors=True)
        print(f"bench: {(time.monotonic() - began) / 60:.1f} minutes in all", file=sys.stderr)
    summary(results)
    print(f"results: {os.path.relpath(path, ROOT)}")
    for name, text in results["failures"].items():
        print(f"bench: {name}: {text}", file=sys.stderr)
    if os.environ.get("WRITE_REPORT", "") not in ("", "0"):
        report.write(results)
        print("report: docs/benchmarks.md")
    return 1 if results["failures"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
