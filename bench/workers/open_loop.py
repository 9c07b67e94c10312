"""Single events at a fixed offered rate, sent when they are due whatever became of those before.

Arrivals are a Poisson process. Latency counts from the moment at which an event was due, so a
server that stalls is charged for everything that fell due meanwhile (no coordinated omission). How
late the generator itself was in sending is reported beside it.
"""

import asyncio
import json
import random
import sys
import time

from bench import rows
from bench.workers import frame


class Sender:
    def __init__(self, config):
        self._config = config
        self._queue = asyncio.Queue()
        self.latencies = []
        self.lateness = []
        self.acknowledged = self.sent = self.errors = 0
        self.first_error = None

    async def connection(self):
        """One connection: takes what is due, sends it, waits for the answer."""
        address = ("127.0.0.1", self._config["port"])
        reader, writer = await asyncio.open_connection(*address)
        while True:
            entry = await self._queue.get()
            if entry is None:
                writer.close()
                return
            due, number = entry
            self.lateness.append((time.perf_counter() - due) * 1000)
            writer.write(self._request(number))
            self.sent += 1
            status, body = await read_answer(reader)
            self.latencies.append((time.perf_counter() - due) * 1000)
            if status == 200:
                self.acknowledged += 1
            else:
                self.errors += 1
                self.first_error = self.first_error or body[:200].decode(errors="replace")

    def _request(self, number):
        config = self._config
        prefix = rows.prefix(self._counter + number, config["client"], config["run"])
        body = self._bodies[number % len(self._bodies)].replace(rows.PLACEHOLDER, prefix)
        if config.get("wait_for_visibility"):
            body = body[:-1] + ',"wait_for_visibility":true}'
        tenant = (config["client"] + number) % config.get("tenants", 1)
        return (
            f"POST /v1/ingest/{config['table']} HTTP/1.1\r\nHost: localhost\r\n"
            f"X-Tenant-ID: bench-{tenant:04d}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()

    async def offer(self):
        config = self._config
        generator = random.Random(config["run"])
        self._bodies = rows.batch_bodies(1)
        self._counter = rows.start_counter()
        connections = [
            asyncio.create_task(self.connection()) for _ in range(config["connections"])]
        await asyncio.sleep(0.2)
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        self.cpu_before = frame.cpu_seconds()
        began = due = time.perf_counter()
        number = 0
        while due - began < config["seconds"]:
            pause = due - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            self._queue.put_nowait((due, number))
            number += 1
            due += generator.expovariate(config["rate"])
        for _ in connections:
            self._queue.put_nowait(None)
        await asyncio.gather(*connections)
        return time.perf_counter() - began


async def read_answer(reader):
    """Status and body of one answer with a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = next(int(text.split(":")[1]) for text in lines
                  if text.lower().startswith("content-length:"))
    return int(lines[0].split()[1]), await reader.readexactly(length)


def main():
    sender = Sender(json.loads(sys.argv[1]))
    seconds = asyncio.run(sender.offer())
    print(json.dumps({
        "acknowledged": sender.acknowledged, "sent": sender.sent, "seconds": seconds,
        "cpu_seconds": frame.cpu_seconds() - sender.cpu_before, "written_bytes": 0,
        "peak_rss_bytes": 0, "latencies_ms": sender.latencies, "lateness_ms": sender.lateness,
        "errors": sender.errors, "first_error": sender.first_error,
    }), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
