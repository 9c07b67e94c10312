"""Writes single events without waiting and watches when they become visible.

It looks at the watermark (`GET /v1/lag`) every 2 ms or `poll_seconds`, which does not make the
server hurry as a waiting query would. Latency counts from the moment of sending.
"""

import http.client
import json
import random
import time

from bench import rows
from bench.workers import frame

POLL_SECONDS = 0.002


def connect(config):
    connection = http.client.HTTPConnection("127.0.0.1", config["port"], timeout=60)
    bodies = rows.batch_bodies(1)
    tenant = f"bench-{config['tenant']:04d}"
    generator = random.Random(config["client"])
    pause = config.get("poll_seconds", POLL_SECONDS)

    def ask(method, path, body=None):
        headers = {"X-Tenant-ID": tenant, "Content-Type": "application/json"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status} {answer[:200]!r}")
        return json.loads(answer)

    def step(prefix, number):
        body = bodies[number % len(bodies)].replace(rows.PLACEHOLDER, prefix)
        token = ask("POST", f"/v1/ingest/{config['table']}", body)["max_visibility_token"]
        while ask("GET", "/v1/lag")["latest_visibility_token"] < token:
            time.sleep(pause)
        return 1

    def spaced(prefix, number):
        # Spread over the flush interval, or each write would come just after a flush.
        time.sleep(generator.uniform(0, 0.2))
        before = time.perf_counter()
        try:
            return step(prefix, number)
        finally:
            spaced.taken.append((time.perf_counter() - before) * 1000)

    spaced.taken = []
    return spaced


if __name__ == "__main__":
    frame.run(connect)
