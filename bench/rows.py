"""The one row that every contestant stores, rendered for each of them.

There are POOL distinct rows, numbered by `item`; a load repeats them in order, each time under new
keys. So every value of a stored row can be checked from its `item` (see verify.py).

A key is a UUID of version 7's layout: `TTTTTTTT-TTTT-7CCC-8RRR-IIIIIIIIIIII`, where T counts
batches upwards from the time of the start, C is the client, R the run, and I the row within the
batch. The first 23 characters, its prefix, are one batch's own; generators render a batch once and
then only replace the prefix.
"""

import json
import random
import time

POOL = 10_000
PREFIX_LENGTH = 23
PLACEHOLDER = "#" * PREFIX_LENGTH

COLUMNS = [
    ("event_id", "UUID"),
    ("occurred_at", "TIMESTAMPTZ"),
    ("item", "INTEGER"),
    ("user_id", "BIGINT"),
    ("kind", "VARCHAR"),
    ("path", "VARCHAR"),
    ("country", "VARCHAR"),
    ("duration_ms", "DOUBLE"),
    ("amount", "DECIMAL(12,2)"),
    ("is_mobile", "BOOLEAN"),
    ("referrer", "VARCHAR"),
]

KINDS = ["view", "click", "scroll", "search", "add_to_cart", "checkout", "payment", "refund"]
COUNTRIES = (
    "AR AT AU BE BR CA CH CL CN CO CZ DE DK EG ES FI FR GB GR HU"
    " ID IE IL IN IT JP KE KR MX NG NL NO NZ PL PT RO SE TR US ZA"
).split()
SECTIONS = ["shoes", "books", "garden", "audio", "kitchen", "toys", "office", "travel"]


def make_pool():
    """The POOL rows without keys, as dictionaries in the order of COLUMNS; always the same."""
    generator = random.Random(20_260_501)
    rows = []
    for item in range(POOL):
        second = item * 8 + generator.randrange(8)
        clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        section = generator.choice(SECTIONS)
        rows.append({
            "occurred_at": f"2026-05-01T{clock}.{generator.randrange(1_000_000):06}Z",
            "item": item,
            "user_id": generator.randrange(10**9, 10**10),
            "kind": generator.choice(KINDS),
            "path": f"/{section}/product-{generator.randrange(100, 400)}",
            "country": generator.choice(COUNTRIES),
            # A multiple of a quarter: sums of doubles are then exact in any order.
            "duration_ms": generator.randrange(1, 40_000) / 4,
            "amount_cents": generator.randrange(0, 1_000_000),
            "is_mobile": generator.random() < 0.6,
            "referrer": f"https://example.org/{section}?campaign=c{generator.randrange(900)}",
        })
    return rows


ROWS = make_pool()


def suffix(index):
    """The end of the key of row `index` of a batch, from the fifth group's hyphen on."""
    return f"-{index:012x}"


def start_counter():
    """Where a run's batch counter begins: milliseconds, as in a UUID of version 7."""
    return int(time.time() * 1000)


def prefix(counter, client, run):
    high, low = divmod(counter, 1 << 16)
    return f"{high & 0xFFFFFFFF:08x}-{low:04x}-7{client & 0xFFF:03x}-8{run & 0xFFF:03x}"


def amount(row):
    return f"{row['amount_cents'] // 100}.{row['amount_cents'] % 100:02}"


def payload(row, index, key_prefix=PLACEHOLDER):
    """The row as compact JSON text."""
    members = {"event_id": key_prefix + suffix(index)}
    members.update(row)
    text = json.dumps(members, separators=(",", ":"))
    return text.replace(f'"amount_cents":{row["amount_cents"]}', f'"amount":{amount(row)}')


def record(row, index):
    """The row as one record of an ingest request."""
    key = PLACEHOLDER + suffix(index)
    body = payload(row, index)
    return f'{{"idempotency_key":"{key}","op":"insert","payload":{body}}}'


def batch_bodies(size, pool=POOL):
    """Ingest bodies of `size` records that together hold the first `pool` rows once."""
    return [
        '{"records":[%s]}' % ",".join(
            record(ROWS[first + index], index) for index in range(size))
        for first in range(0, pool - size + 1, size)
    ]


def values_tuple(row, index):
    """The row as a parenthesised list of SQL literals."""
    return (
        f"('{PLACEHOLDER}{suffix(index)}','{row['occurred_at']}',{row['item']},{row['user_id']},"
        f"'{row['kind']}','{row['path']}','{row['country']}',{row['duration_ms']},{amount(row)},"
        f"{str(row['is_mobile']).lower()},'{row['referrer']}')"
    )


def values_statements(size, table, pool=POOL):
    """INSERT statements of `size` rows that together hold the first `pool` rows once."""
    return [
        f"INSERT INTO {table} VALUES "
        + ",".join(values_tuple(ROWS[first + index], index) for index in range(size))
        for first in range(0, pool - size + 1, size)
    ]


def copy_texts(size, pool=POOL):
    """The same in the text format of PostgreSQL's COPY."""
    def line(row, index):
        flag = "t" if row["is_mobile"] else "f"
        return "\t".join([
            PLACEHOLDER + suffix(index), row["occurred_at"], str(row["item"]),
            str(row["user_id"]), row["kind"], row["path"], row["country"],
            str(row["duration_ms"]), amount(row), flag, row["referrer"],
        ])

    return [
        "\n".join(line(ROWS[first + index], index) for index in range(size)) + "\n"
        for first in range(0, pool - size + 1, size)
    ]


def create_table(name, *, key=True, types=None):
    """CREATE TABLE in the words of PostgreSQL and DuckDB; `types` replaces types by name."""
    def column(column_name, kind):
        kind = (types or {}).get(kind, kind)
        return f"{column_name} {kind}" + (
            " PRIMARY KEY" if key and column_name == "event_id" else "")

    return f"CREATE TABLE {name} (" + ", ".join(column(*entry) for entry in COLUMNS) + ")"


POSTGRESQL_TYPES = {"DOUBLE": "DOUBLE PRECISION", "DECIMAL(12,2)": "NUMERIC(12,2)"}
