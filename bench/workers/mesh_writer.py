"""A client that posts batches to DuckMesh over one connection."""

import http.client
import time

from bench import rows
from bench.workers import frame


def connect(config):
    connection = http.client.HTTPConnection("127.0.0.1", config["port"], timeout=120)
    more = ',"wait_for_visibility":true}' if config.get("wait_for_visibility") else "}"
    bodies = [(body[:-1] + more).encode() for body in rows.batch_bodies(config["batch"])]
    placeholder = rows.PLACEHOLDER.encode()
    headers = {"Content-Type": "application/json", "X-Tenant-ID": config["tenant"]}
    connection.connect()

    def step(prefix, number):
        body = bodies[number % len(bodies)].replace(placeholder, prefix.encode())
        while True:
            connection.request("POST", f"/v1/ingest/{config['table']}", body, headers)
            response = connection.getresponse()
            answer = response.read()
            if response.status == 200:
                return config["batch"]
            if response.status != 429:
                raise RuntimeError(f"{response.status} {answer[:200]!r}")
            # Too far ahead of what is visible: the server says when to come back.
            time.sleep(float(response.headers["Retry-After"]))

    return step


if __name__ == "__main__":
    frame.run(connect)
