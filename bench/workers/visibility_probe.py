"""Writers of single events that do not wait, and a watch on when their events become visible.

All writers are in one process, and one connection for each tenant looks at its watermark (`GET
/v1/lag`) every 2 ms or `poll_seconds` while somebody waits for it: if each writer looked for
itself, the looking would be what keeps the machine busy. It does not make the server hurry, as a
waiting query would. Latency counts from the moment of sending.
"""

import asyncio
import json
import random
import resource
import sys
import time

from bench import rows
from bench.workers import frame
from bench.workers.open_loop import read_answer

POLL_SECONDS = 0.002
TIMEOUT_SECONDS = 60


class Connection:
    """One connection of one tenant, with one request at a time."""

    def __init__(self, port, tenant):
        self._port = port
        self._tenant = f"bench-{tenant:04d}"

    async def open(self):
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def ask(self, method, path, body=""):
        self._writer.write(
            (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-Tenant-ID: {self._tenant}\r\n"
             f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode())
        status, answer = await asyncio.wait_for(read_answer(self._reader), TIMEOUT_SECONDS)
        if status != 200:
            raise RuntimeError(f"{status} {answer[:200]!r}")
        return json.loads(answer)


class Watermark:
    """What is visible of one tenant, looked at for all who wait for it."""

    def __init__(self, connection, pause):
        self._connection = connection
        self._pause = pause
        self._awaited = []
        self._wanted = asyncio.Event()
        self._failure = None

    async def reached(self, token):
        if self._failure:
            raise self._failure
        future = asyncio.get_running_loop().create_future()
        self._awaited.append((token, future))
        self._wanted.set()
        await future

    async def watch(self):
        while True:
            await self._wanted.wait()
            try:
                visible = (await self._connection.ask("GET", "/v1/lag"))["latest_visibility_token"]
            except Exception as error:
                self._failure = RuntimeError(f"watermark not read: {error!r}")
                for _, future in self._awaited:
                    future.set_exception(self._failure)
                return
            for token, future in self._awaited:
                if token <= visible:
                    future.set_result(None)
            self._awaited = [entry for entry in self._awaited if entry[0] > visible]
            if not self._awaited:
                self._wanted.clear()
            await asyncio.sleep(self._pause)


class Probe:
    def __init__(self, config):
        self._config = config
        self._bodies = rows.batch_bodies(1)
        self._counter = rows.start_counter()
        self.latencies = []
        self.sent = self.acknowledged = self.errors = 0
        self.first_error = None

    async def write(self, entry, connection, watermark, deadline):
        """One writer: pauses, writes, and goes on when it can be seen."""
        generator = random.Random(entry["client"])
        number = 0
        while time.perf_counter() < deadline:
            # Spread over the flush interval, or each write would come just after a flush.
            await asyncio.sleep(generator.uniform(0, 0.2))
            prefix = rows.prefix(self._counter + number, entry["client"], self._config["run"])
            body = self._bodies[number % len(self._bodies)].replace(rows.PLACEHOLDER, prefix)
            number += 1
            self.sent += 1
            before = time.perf_counter()
            try:
                answer = await connection.ask("POST", f"/v1/ingest/{self._config['table']}", body)
                self.acknowledged += 1
                await watermark.reached(answer["max_visibility_token"])
            except Exception as error:
                self.errors += 1
                self.first_error = self.first_error or f"{type(error).__name__}: {error}"
                # An answer may still come on this connection: it is of no more use.
                return
            self.latencies.append((time.perf_counter() - before) * 1000)

    async def run(self):
        config, port = self._config, self._config["port"]
        watermarks, connections = {}, []
        for entry in config["writers"]:
            tenant = entry["tenant"]
            connections.append(Connection(port, tenant))
            await connections[-1].open()
            if tenant not in watermarks:
                own = Connection(port, tenant)
                await own.open()
                watermarks[tenant] = Watermark(own, config.get("poll_seconds", POLL_SECONDS))
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        self.cpu_before = frame.cpu_seconds()
        began = time.perf_counter()
        watches = [asyncio.create_task(watermark.watch()) for watermark in watermarks.values()]
        await asyncio.gather(*(
            self.write(entry, connection, watermarks[entry["tenant"]], began + config["seconds"])
            for entry, connection in zip(config["writers"], connections)))
        for watch in watches:
            watch.cancel()
        return time.perf_counter() - began


def main():
    probe = Probe(json.loads(sys.argv[1]))
    seconds = asyncio.run(probe.run())
    print(json.dumps({
        "acknowledged": probe.acknowledged, "sent": probe.sent, "seconds": seconds,
        "cpu_seconds": frame.cpu_seconds() - probe.cpu_before, "written_bytes": 0,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "latencies_ms": probe.latencies, "errors": probe.errors, "first_error": probe.first_error,
    }), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
