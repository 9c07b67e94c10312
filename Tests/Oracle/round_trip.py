"""Writes a table of every type that a column can have, and compares what came back of it.

    round_trip.py write FOLDER          makes rows.parquet, rows.arrow and columns.json
    round_trip.py compare SENT RECEIVED prints the columns in which two files differ, one a line

Both ways are Arrow's own library. Columns are compared by their values: a file that a program
writes has other names for some types (a UUID is text in one and bytes in another).
"""

import datetime
import decimal
import json
import sys
import uuid

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 3_000
UTC = datetime.timezone.utc
START = datetime.datetime(1969, 12, 31, 23, 59, 0)


def moment(row):
    return START + datetime.timedelta(seconds=row * 977)


def column(kind, value):
    return pa.array([None if row % 7 == 3 else value(row) for row in range(ROWS)], kind)


def text(row):
    return ["", "é" * (row % 30), "\u2028\ufeff", '"\\\n\t', "plain %d" % row][row % 5]


def maybe(row, value):
    return None if row % 3 == 1 else value


PAIR = pa.struct([("number", pa.int32()), ("select", pa.string())])
DEEP = pa.struct([
    ("amount", pa.decimal128(18, 3)), ("raw", pa.binary()), ("at", pa.timestamp("us")),
    ("day", pa.date32()), ("pairs", pa.list_(PAIR)), ("names", pa.map_(pa.string(), PAIR))])


def deep(row):
    return {
        "amount": maybe(row, decimal.Decimal(row) / 8), "raw": maybe(row + 1, bytes([row % 256])),
        "at": maybe(row + 2, moment(row)), "day": moment(row).date(),
        "pairs": maybe(row, [pair(row), None]), "names": [("a", pair(row)), ("b", None)]}


def pair(row):
    return {"number": maybe(row, row), "select": maybe(row + 1, text(row))}


COLUMNS = [
    ("BOOLEAN", column(pa.bool_(), lambda i: i % 2 == 0)),
    ("TINYINT", column(pa.int8(), lambda i: i % 256 - 128)),
    ("SMALLINT", column(pa.int16(), lambda i: i * 21 - 32_768)),
    ("INTEGER", column(pa.int32(), lambda i: i * 1_400_000 - (1 << 31))),
    ("BIGINT", column(pa.int64(), lambda i: (i << 51) - (1 << 62))),
    ("UTINYINT", column(pa.uint8(), lambda i: i % 256)),
    ("USMALLINT", column(pa.uint16(), lambda i: 65_535 - i)),
    ("UINTEGER", column(pa.uint32(), lambda i: (1 << 32) - 1 - i)),
    ("UBIGINT", column(pa.uint64(), lambda i: (1 << 64) - 1 - i)),
    ("FLOAT", column(pa.float32(), lambda i: [0.0, -0.0, 1e-45, 3.4e38, i / 7][i % 5])),
    ("DOUBLE", column(pa.float64(), lambda i: [0.0, -0.0, 5e-324, 1.7e308, i / 7][i % 5])),
    ("DECIMAL(4,1)", column(pa.decimal128(4, 1), lambda i: decimal.Decimal(i % 9_000) / 10)),
    ("DECIMAL(18,6)", column(pa.decimal128(18, 6), lambda i: -decimal.Decimal(i) / 64)),
    ("DECIMAL(38,10)", column(
        pa.decimal128(38, 10), lambda i: decimal.Decimal(10 ** 28 - 1 - i).scaleb(-10))),
    ("VARCHAR", column(pa.string(), text)),
    ("BLOB", column(pa.binary(), lambda i: bytes(range(i % 256)))),
    ("DATE", column(pa.date32(), lambda i: datetime.date(1, 1, 1) + datetime.timedelta(i * 1217))),
    ("TIME", column(pa.time64("us"), lambda i: datetime.time(i % 24, i % 60, 59, 999_999 - i))),
    ("TIMESTAMP", column(
        pa.timestamp("us"), lambda i: moment(i * 50_000) + datetime.timedelta(microseconds=i))),
    ("TIMESTAMP_S", column(pa.timestamp("s"), moment)),
    ("TIMESTAMP_MS", column(pa.timestamp("ms"), lambda i: moment(i) + datetime.timedelta(
        milliseconds=i % 1_000))),
    ("TIMESTAMP_NS", column(pa.timestamp("ns"), lambda i: 1_700_000_000_000_000_000 - i ** 5)),
    ("TIMESTAMPTZ", column(pa.timestamp("us", "UTC"), lambda i: moment(i).replace(tzinfo=UTC))),
    ("UUID", column(
        pa.string(), lambda i: str(uuid.UUID(int=(i * 0x9E3779B97F4A7C15 << 60) % (1 << 128))))),
    ("JSON", column(pa.string(), lambda i: ['{"a": [%d, null]}' % i, "1e400", '"x"'][i % 3])),
    ("VARCHAR[]", column(
        pa.list_(pa.string()), lambda i: [maybe(n, text(n)) for n in range(i % 5)])),
    ("INTEGER[][]", column(
        pa.list_(pa.list_(pa.int32())),
        lambda i: [maybe(n, list(range(n))) for n in range(i % 4)])),
    ('STRUCT("number" INTEGER, "select" VARCHAR)', column(PAIR, pair)),
    ("MAP(VARCHAR, DOUBLE)", column(
        pa.map_(pa.string(), pa.float64()), lambda i: [("k%d" % n, n / 3) for n in range(i % 4)])),
    ("MAP(BIGINT, VARCHAR[])", column(
        pa.map_(pa.int64(), pa.list_(pa.string())),
        lambda i: [(i, [text(i), None]), (-i - 1, None)])),
    ('STRUCT(amount DECIMAL(18,3), raw BLOB, "at" TIMESTAMP, "day" DATE, '
     'pairs STRUCT("number" INTEGER, "select" VARCHAR)[], '
     'names MAP(VARCHAR, STRUCT("number" INTEGER, "select" VARCHAR)))[]',
     column(pa.list_(DEEP), lambda i: [deep(i), None, deep(i + 1)][: i % 4])),
]


def write(folder):
    names = ["k"] + ["c%d" % index for index in range(len(COLUMNS))]
    keys = pa.array(range(ROWS), pa.int64())
    rows = pa.table([keys] + [values for _, values in COLUMNS], names)
    # Version 2.6 keeps nanoseconds.
    pq.write_table(rows, folder + "/rows.parquet", version="2.6", row_group_size=1_100)
    with pa.ipc.new_stream(folder + "/rows.arrow", rows.schema) as writer:
        writer.write_table(rows, max_chunksize=700)
    definitions = [{"name": "k", "type": "BIGINT", "nullable": False}] + [
        {"name": name, "type": kind} for name, (kind, _) in zip(names[1:], COLUMNS)]
    with open(folder + "/columns.json", "w", encoding="utf-8") as file:
        json.dump(definitions, file)


def read(path):
    if path.endswith(".parquet"):
        return pq.read_table(path)
    with pa.ipc.open_stream(path) as reader:
        return reader.read_all()


def plain(values):
    """Values that two files agree on whatever they call the type."""
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        values = pa.chunked_array([chunk.storage for chunk in values.chunks], kind.storage_type)
        kind = values.type
    if pa.types.is_timestamp(kind):
        scale = {"s": 10 ** 9, "ms": 10 ** 6, "us": 10 ** 3, "ns": 1}[kind.unit]
        return [
            None if value is None else value * scale
            for value in values.cast(pa.int64()).to_pylist()]
    if pa.types.is_floating(kind):
        # Unlike a number's comparison this tells zero from its negative.
        return [None if value is None else value.hex() for value in values.to_pylist()]
    if pa.types.is_fixed_size_binary(kind) and kind.byte_width == 16:
        return [value and str(uuid.UUID(bytes=value)) for value in values.to_pylist()]
    return values.to_pylist()


def compare(sent, received):
    first, second = read(sent), read(received)
    if first.column_names != second.column_names or len(first) != len(second):
        print("the files differ in their columns or in the number of rows")
        return
    for name in first.column_names:
        for row, (a, b) in enumerate(zip(plain(first[name]), plain(second[name]))):
            if a != b:
                print(f"{name} {first[name].type} in row {row}: {a!r} came back as {b!r}")
                break


if sys.argv[1] == "write":
    write(sys.argv[2])
else:
    compare(sys.argv[2], sys.argv[3])
