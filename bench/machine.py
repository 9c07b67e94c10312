"""The machine and the versions of everything on it, for the report."""

import os
import platform
import subprocess
import time

from bench.samples import latencies


def _first(path, prefix):
    with open(path) as file:
        for line in file:
            if line.startswith(prefix):
                return line.split(":", 1)[1].strip()
    return "unknown"


def file_system(folder):
    """Type of the file system that holds the folder."""
    answer = subprocess.run(
        ["stat", "--file-system", "--format", "%T", folder], capture_output=True, text=True)
    return answer.stdout.strip() or "unknown"


def fsync_latency(folder, seconds=1.0):
    """Milliseconds that a 4 KiB write and its fsync take, appended for about `seconds`."""
    path = os.path.join(folder, "fsync-probe")
    block = os.urandom(4096)
    taken = []
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        end = time.perf_counter() + seconds
        while not taken or time.perf_counter() < end:
            before = time.perf_counter()
            os.write(descriptor, block)
            os.fsync(descriptor)
            taken.append((time.perf_counter() - before) * 1000)
    finally:
        os.close(descriptor)
        os.unlink(path)
    return latencies(taken)


def describe(folder, quick):
    memory = int(_first("/proc/meminfo", "MemTotal").split()[0]) * 1024
    return {
        "cpu": _first("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": memory,
        "kernel": platform.release(),
        "file_system": file_system(folder),
        "load_before": os.getloadavg()[0],
        "fsync_ms": fsync_latency(folder, 0.3 if quick else 1.0),
        "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
