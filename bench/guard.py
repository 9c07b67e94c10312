"""python3 -m bench.guard: instructions of the hot paths against those that were recorded.

Counted by callgrind, so a busy machine makes no difference; a turn's cost is the difference of two
runs, so the start of the program makes none either. Exits with 1 when a path costs more than the
reference and its tolerance. WRITE=1 records what was counted as the new reference.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

from bench.clients import ROOT

PROGRAM = os.path.join(ROOT, ".build/release/HotPaths")
REFERENCE = os.path.join(ROOT, "bench", "hot-paths.json")
# Turns of the two runs; the difference divides out what only the start costs.
TURNS = {"edge-request-of-1": (200, 2_200), "sqlite-publish-64": (20, 120)}
TURNS_OF_OTHERS = (4, 24)
TOLERANCE = 0.05


def instructions(path, turns):
    with tempfile.TemporaryDirectory() as folder:
        # Without its symbols for debuggers, whose form is newer than valgrind knows.
        program = os.path.join(folder, "HotPaths")
        subprocess.run(["strip", "--strip-debug", "-o", program, PROGRAM], check=True)
        found = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", program, path,
             str(turns)],
            capture_output=True, text=True, check=False,
            env=dict(os.environ, SWIFT_DETERMINISTIC_HASHING="1"))
    counted = re.search(r"Collected : (\d+)", found.stderr)
    if found.returncode or not counted:
        raise SystemExit(f"guard: {path}: {found.stderr[-800:]}")
    return int(counted.group(1))


def cost(path):
    few, many = TURNS.get(path, TURNS_OF_OTHERS)
    return (instructions(path, many) - instructions(path, few)) // (many - few)


def judged(path, found, reference):
    """The line that is told, and whether the path is dearer than allowed."""
    if reference is None:
        return f"{path:22} {found:14,}  no reference", True
    ratio = found / reference
    verdict = "DEARER" if ratio > 1 + TOLERANCE else "cheaper" if ratio < 1 - TOLERANCE else "same"
    line = f"{path:22} {found:14,}  {ratio:5.3f} × of {reference:,}: {verdict}"
    return line, verdict == "DEARER"


def main():
    listed = subprocess.run([PROGRAM], capture_output=True, text=True, check=True)
    paths = listed.stdout.split()
    recorded = {}
    if os.path.exists(REFERENCE):
        with open(REFERENCE) as file:
            recorded = json.load(file)["instructions"]
    gone = sorted(set(recorded) - set(paths))
    if gone and os.environ.get("WRITE") != "1":
        raise SystemExit(f"guard: recorded, but not counted any more: {', '.join(gone)}")
    counted, failed = {}, False
    for path in paths:
        counted[path] = cost(path)
        line, is_dearer = judged(path, counted[path], recorded.get(path))
        failed = failed or is_dearer
        print(line, flush=True)
    if os.environ.get("WRITE") == "1":
        with open(REFERENCE, "w") as file:
            json.dump({"about": "Instructions of one turn; make bench-guard WRITE=1 records them.",
                       "tolerance": TOLERANCE, "instructions": counted}, file, indent=2)
            file.write("\n")
        return 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
