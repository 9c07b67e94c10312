"""Results as JSON, and as the part of docs/benchmarks.md between its marks.

The suite takes hours, so it may be run in parts: `merged` makes one of their results.
"""

import json
import os

from bench.clients import ROOT
from bench.samples import rounded
from bench.svg import plot
from bench.targets import TARGETS, judged

RESULTS = os.path.join(ROOT, "bench", "results")
PAGE = os.path.join(ROOT, "docs", "benchmarks.md")
PLOTS = os.path.join(ROOT, "docs", "benchmarks")
PUBLISHED = os.path.join(PLOTS, "results.json")
# What is told of each run that results come from.
PART = ("machine", "versions", "quick", "rounds", "seconds")
BEGIN, END = "<!-- results -->", "<!-- end of results -->"


def save(results):
    """Writes the results of a run; returns the path."""
    os.makedirs(RESULTS, exist_ok=True)
    name = results["machine"]["started_at"].replace(":", "")
    path = os.path.join(RESULTS, f"{name}.json")
    with open(path, "w") as file:
        json.dump(results, file, indent=1)
    return path


def merged(runs):
    """One of several runs' results: of a question that was asked again, the later answer."""
    together = {"questions": {}, "failures": {}, "durability": {}, "parts": []}
    for run in runs:
        answered = run["questions"]
        for part in together["parts"]:
            part["answered"] = [name for name in part["answered"] if name not in answered]
        together["parts"] += [dict(part) for part in run.get("parts", ())] or [
            {"answered": list(answered), **{name: run[name] for name in PART}}]
        together["questions"].update(answered)
        together["durability"].update(run["durability"])
        together["failures"].update(run["failures"])
    together["parts"] = [part for part in together["parts"] if part["answered"]]
    together["failures"] = {
        name: text for name, text in together["failures"].items()
        if name not in together["questions"]}
    return together


def cell(value):
    """A cell of a table; spreads as median with least and greatest."""
    if isinstance(value, dict):
        if len(value["rounds"]) == 1 or value["min"] == value["max"]:
            return rounded(value["median"])
        return f"{rounded(value['median'])} ({rounded(value['min'])}–{rounded(value['max'])})"
    if isinstance(value, int):
        return f"{value:,}"
    return rounded(value) if isinstance(value, float) else str(value)


def markdown_table(columns, rows):
    lines = [columns, ["---"] * len(columns)] + [[cell(value) for value in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def figures(results):
    return {name: value for question in results["questions"].values()
            for name, value in question["figures"].items()}


def targets_table(results):
    found = figures(results)
    lines = [judged(target, found) for target in TARGETS]
    return markdown_table(["target", "bound", "measured", "verdict"], lines)


def machine_lines(results):
    machine, fsync = results["machine"], results["machine"]["fsync_ms"]
    return [
        "Of " + ", ".join(f"`{name}`" for name in results["answered"]) + ":\n",
        f"- {machine['cpu']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB"
        f" of memory, Linux {machine['kernel']}, {machine['file_system']};"
        f" load {machine['load_before']:.1f} before the run",
        f"- a 4 KiB write with fsync: p50 {fsync['p50']:.2f} ms, p95 {fsync['p95']:.2f} ms, p99"
        f" {fsync['p99']:.2f} ms",
        f"- {machine['started_at']}, {'short form, ' if results['quick'] else ''}"
        f"{results['rounds']} rounds, {results['seconds'] / 60:.0f} minutes",
    ] + [f"- {name}: {version}" for name, version in results["versions"].items()]


def render(results):
    """The results as Markdown; plots are named, not drawn."""
    results = merged([results])
    machines = "\n\n".join("\n".join(machine_lines(part)) for part in results["parts"])
    parts = ["## Targets", targets_table(results), "## Machine and versions", machines,
             "## Durability",
             markdown_table(["system", "what is on disk when a write is acknowledged"],
                            [[name, text] for name, text in results["durability"].items()])]
    if results["failures"]:
        failed = [[name, text] for name, text in results["failures"].items()]
        parts += ["## Failed in this run", markdown_table(["question", "failure"], failed)]
    for question in results["questions"].values():
        parts += [f"## {question['title']}", question["about"]]
        for drawn in question["plots"]:
            parts.append(f"![{drawn['title']}](benchmarks/{drawn['name']}.svg)")
        for found in question["tables"]:
            parts += [f"**{found['caption']}**",
                      markdown_table(found["columns"], found["rows"])]
    return "\n\n".join(parts)


def write(results):
    """Puts the results into the page, draws the plots, and keeps the figures beside them."""
    os.makedirs(PLOTS, exist_ok=True)
    with open(PUBLISHED, "w") as file:
        json.dump(results, file, indent=1, sort_keys=True)
        file.write("\n")
    for question in results["questions"].values():
        for drawn in question["plots"]:
            with open(os.path.join(PLOTS, drawn["name"] + ".svg"), "w") as file:
                file.write(plot(drawn["title"], drawn["x"], drawn["y"], drawn["series"],
                                drawn.get("linear", False)))
    with open(PAGE) as file:
        page = file.read()
    with open(PAGE, "w") as file:
        file.write(replaced(page, render(results)))


def replaced(page, text):
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{text}\n{END}{after}"
