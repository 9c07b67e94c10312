"""Whether the rows that a system holds are the rows that were sent.

Each system runs `CHECKSUM` over its own table. Every row of an item has that item's values, so for
each item the sums, the least and the greatest values of all columns are known from the count.
"""

from bench.rows import POOL, ROWS


class VerificationFailed(Exception):
    """What was stored is not what was sent; ends the run."""


def checksum_query(table):
    """One row for each item, in SQL that PostgreSQL, DuckDB and DataFusion read alike."""
    return (
        "SELECT item, count(*), sum(user_id), min(kind), max(kind), min(path), max(path),"
        " min(country), max(country), sum(duration_ms), sum(amount),"
        " sum(CASE WHEN is_mobile THEN 1 ELSE 0 END), min(referrer), max(referrer),"
        " sum(CAST(extract(hour FROM occurred_at) * 3600 + extract(minute FROM occurred_at) * 60"
        " + floor(extract(second FROM occurred_at)) AS BIGINT))"
        f" FROM {table} GROUP BY item ORDER BY item LIMIT {POOL}"
    )


def distinct_query(table, part, parts):
    """Rows and distinct keys of one of `parts` shares of the items.

    A key that was stored twice belongs to one item, so shares can be counted one by one, each in
    a fraction of the memory.
    """
    return (f"SELECT count(*), count(DISTINCT event_id) FROM {table}"
            f" WHERE item % {parts} = {part}")


def expected_line(item, count):
    """What `CHECKSUM` answers for an item that was stored `count` times."""
    row = ROWS[item]
    clock = row["occurred_at"][11:19].split(":")
    seconds = int(clock[0]) * 3600 + int(clock[1]) * 60 + int(clock[2])
    texts = [row["kind"], row["kind"], row["path"], row["path"], row["country"], row["country"]]
    return [
        item, count, row["user_id"] * count, *texts, row["duration_ms"] * count,
        row["amount_cents"] * count, int(row["is_mobile"]) * count,
        row["referrer"], row["referrer"], seconds * count,
    ]


def normalised(line):
    """A line as a system answered it, numbers that may arrive as texts turned into numbers."""
    numbers = {0: int, 1: int, 2: int, 9: float, 10: cents, 11: int, 14: int}
    return [numbers[place](value) if place in numbers else str(value)
            for place, value in enumerate(line)]


def cents(value):
    """A decimal of two digits, however it is written, in hundredths."""
    whole, _, fraction = str(value).partition(".")
    if len(fraction) > 2 and fraction[2:].strip("0"):
        # A float's rest, where a system answers decimals as floats; else no such amount was sent.
        hundredths = float(value) * 100
        nearest = round(hundredths)
        return nearest if abs(hundredths - nearest) <= 1e-9 * max(1, nearest) else hundredths
    return int(whole) * 100 + int((fraction + "00")[:2])


def verify(lines, total, distinct, at_least, at_most):
    """Checks counts and every column's content; returns the number of rows.

    `at_least` rows were acknowledged, `at_most` sent: they differ by what was under way when the
    load ended.
    """
    if not at_least <= total <= at_most:
        raise VerificationFailed(
            f"{total} rows are stored, {at_least} were acknowledged and {at_most} sent")
    if distinct != total:
        raise VerificationFailed(f"{total} rows have {distinct} distinct keys")
    counted = 0
    for line in lines:
        line = normalised(line)
        counted += line[1]
        if line != expected_line(line[0], line[1]):
            raise VerificationFailed(
                f"item {line[0]}: stored {line}, sent {expected_line(line[0], line[1])}")
    if counted != total:
        raise VerificationFailed(f"the items count {counted} rows, the table {total}")
    return total
