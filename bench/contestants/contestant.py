"""What the suite asks of every system that it measures."""

import itertools
import os
import shutil

from bench.verify import checksum_query, distinct_query, verify

# Distinct keys are counted in shares of about this many rows.
ROWS_OF_A_COUNT = 2_000_000

_runs = itertools.count(1)


def next_run():
    """A number for each load, so that no two loads make the same key."""
    return next(_runs) % 4096


class Contestant:
    """A system in a folder of its own. `start` and `stop` may be called again and again.

    `name` is for files and choices, `title` for the report; `durability` says what has reached
    the disk when a write is acknowledged. `clients_are_engine`: the work is done in the clients,
    whose CPU seconds are then the system's.
    """

    name = title = durability = ""
    clients_are_engine = False

    def __init__(self, folder):
        self.folder = os.path.join(folder, self.name)

    def clear(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    @property
    def roots(self):
        """The pids whose process trees are this system's servers."""
        return []

    def start(self):
        """Makes an empty system that answers."""
        raise NotImplementedError

    def stop(self):
        raise NotImplementedError

    def create(self, load):
        """Makes the tables that the load writes."""
        raise NotImplementedError

    def load(self, load):
        """Runs the load; returns what the clients did."""
        raise NotImplementedError

    def drain(self, load):
        """Waits until everything that was acknowledged can be queried."""

    def tables(self, load):
        """The tables of the load, in a form that `query` takes."""
        return [load.table]

    def query(self, table, make_sql):
        """The rows of `make_sql(TABLE)` as lists, by the system's own query."""
        raise NotImplementedError

    def check(self, load, loaded):
        """Verifies count, keys and contents over all tables of the load."""
        lines, total, distinct = [], 0, 0
        parts = 1 + loaded.sent // ROWS_OF_A_COUNT
        for table in self.tables(load):
            for part in range(parts):
                rows, keys = self.query(
                    table, lambda name, part=part: distinct_query(name, part, parts))[0]
                total, distinct = total + int(rows), distinct + int(keys)
            lines += self.query(table, checksum_query)
        return verify(lines, total, distinct, loaded.acknowledged, loaded.sent)


def log_tail(path, limit=2000):
    try:
        with open(path, errors="replace") as file:
            return file.read()[-limit:]
    except FileNotFoundError:
        return ""
