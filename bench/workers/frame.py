"""What all writing workers share: be ready, wait for the word, repeat a step, report."""

import json
import resource
import sys
import time

from bench import rows


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def written_bytes():
    with open("/proc/self/io") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("write_bytes:"))


def run(connect):
    """Runs a worker. `connect(config)` returns `step(prefix, number)`.

    A step writes one batch under the key prefix and returns the rows that were acknowledged; one
    that raises counts as an error, and its rows as sent.
    """
    config = json.loads(sys.argv[1])
    step = connect(config)
    print("ready", flush=True)
    sys.stdin.readline()
    limit = config.get("batches")
    acknowledged = sent = errors = number = 0
    first_error = None
    taken = []
    cpu_before, written_before = cpu_seconds(), written_bytes()
    counter = rows.start_counter()
    began = time.perf_counter()
    deadline = began + config["seconds"]
    while number < limit if limit else time.perf_counter() < deadline:
        before = time.perf_counter()
        sent += config["batch"]
        try:
            prefix = rows.prefix(counter + number, config["client"], config["run"])
            acknowledged += step(prefix, number)
        except Exception as error:
            errors += 1
            first_error = first_error or f"{type(error).__name__}: {error}"
            if errors > 100 and acknowledged == 0:
                break
        number += 1
        taken.append((time.perf_counter() - before) * 1000)
    print(json.dumps({
        "acknowledged": acknowledged,
        "sent": sent,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": cpu_seconds() - cpu_before,
        "written_bytes": written_bytes() - written_before,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        # A step that pauses between writes keeps its own times.
        "latencies_ms": getattr(step, "taken", taken),
        "errors": errors,
        "first_error": first_error,
    }), flush=True)
    sys.stdin.readline()
