"""wrk as the generator of load on DuckMesh: closed loop, keys unique for each thread and run."""

import json
import os

from bench import processes, rows
from bench.clients import Loaded

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "workers", "ingest.lua")
TENANT_DIGITS = "0000"


def render(folder, table, batch, wait_for_visibility=False):
    """Writes the requests and the places where keys and tenants go; returns both paths."""
    requests_path = os.path.join(folder, f"requests-{batch}-{int(wait_for_visibility)}")
    places_path = requests_path + ".places"
    position = 0
    placeholder = rows.PLACEHOLDER.encode()
    with open(requests_path, "wb") as requests, open(places_path, "w") as places:
        for body in rows.batch_bodies(batch):
            if wait_for_visibility:
                body = body[:-1] + ',"wait_for_visibility":true}'
            head = (
                f"POST /v1/ingest/{table} HTTP/1.1\r\nHost: localhost\r\n"
                f"X-Tenant-ID: bench-{TENANT_DIGITS}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            text = (head + body).encode()
            tenant = position + text.index(b"bench-") + len(b"bench-")
            found, offsets = text.find(placeholder), []
            while found >= 0:
                offsets.append(position + found)
                found = text.find(placeholder, found + 1)
            requests.write(text)
            print(position, len(text), tenant, *offsets, file=places)
            position += len(text)
    return requests_path, places_path


def run(folder, port, load, run_number):
    """Runs wrk and returns what it did; a refused or broken request is an error."""
    requests_path, places_path = render(
        folder, load.table, load.batch, load.wait_for_visibility)
    threads = min(2, load.clients)
    log = os.path.join(folder, "wrk.out")
    open(log, "w").close()
    process = processes.start(
        ["wrk", "--threads", str(threads), "--connections", str(load.clients),
         "--duration", f"{max(1, round(load.seconds))}s", "--timeout", "60s", "--latency",
         "--script", SCRIPT, f"http://127.0.0.1:{port}", "--",
         requests_path, places_path, str(run_number), str(rows.start_counter()),
         str(load.tenants)], log=log)
    cpu = processes.wait(process, load.seconds + 120)
    with open(log) as file:
        output = file.read()
    if "RESULT " not in output:
        raise RuntimeError(f"wrk failed: {output[-500:]}")
    result = json.loads(output.split("RESULT ", 1)[1])
    refused = result["status_errors"]
    return Loaded(
        acknowledged=(result["requests"] - refused) * load.batch,
        sent=result["sent"] * load.batch,
        seconds=result["seconds"],
        latency_ms={name: result[name] for name in ("p50", "p95", "p99", "max")}
        | {"count": result["requests"]},
        generator_cpu_seconds=cpu,
        errors=refused + result["socket_errors"],
    )
