"""Writes bodies of batches by Arrow's own library, or says what it reads in one.

Usage: batch_bodies.py FOLDER: writes all.parquet and all.arrow (a row of every type many times),
wide.parquet (types that widen), and files that a table must refuse.
"""

import datetime
import decimal
import sys
import uuid

import pyarrow as pa
import pyarrow.parquet as pq

folder = sys.argv[1]
ROWS = 5_000


def column(kind, value):
    return pa.array([None if row % 7 == 3 else value(row) for row in range(ROWS)], kind)


utc = datetime.timezone.utc
every = pa.table({
    "k": pa.array(range(ROWS), pa.int64()),
    "boolean": column(pa.bool_(), lambda i: i % 2 == 0),
    "tinyint": column(pa.int8(), lambda i: i % 200 - 100),
    "smallint": column(pa.int16(), lambda i: i - 2_500),
    "integer": column(pa.int32(), lambda i: i * 1_000),
    "bigint": column(pa.int64(), lambda i: i << 40),
    "utinyint": column(pa.uint8(), lambda i: i % 256),
    "usmallint": column(pa.uint16(), lambda i: i),
    "uinteger": column(pa.uint32(), lambda i: i << 12),
    "ubigint": column(pa.uint64(), lambda i: (1 << 64) - 1 - i),
    "float": column(pa.float32(), lambda i: i / 4),
    "double": column(pa.float64(), lambda i: i / 3),
    "decimal": column(pa.decimal128(20, 4), lambda i: decimal.Decimal(i) / 4),
    "varchar": column(pa.string(), lambda i: "é" * (i % 30) + str(i)),
    "blob": column(pa.binary(), lambda i: bytes([i % 256]) * (i % 20)),
    "date": column(pa.date32(), lambda i: datetime.date(2000, 1, 1) + datetime.timedelta(i)),
    "time": column(pa.time64("us"), lambda i: datetime.time(i % 24, i % 60, i % 60, i)),
    "timestamp": column(
        pa.timestamp("us"), lambda i: datetime.datetime(2020, 1, 1, 0, 0, 0, i)),
    "timestamptz": column(
        pa.timestamp("us", "UTC"), lambda i: datetime.datetime(2020, 1, 1, 0, 0, 0, i, utc)),
    "uuid": column(pa.string(), lambda i: str(uuid.UUID(int=i << 64))),
    "json": column(pa.string(), lambda i: '{"a": [%d]}' % i),
    "category": column(pa.string(), lambda i: "cat%d" % (i % 9)).dictionary_encode(),
    "large": column(pa.large_string(), lambda i: "large%d" % i),
    "fixed": column(pa.binary(4), lambda i: i.to_bytes(4, "big")),
    "nothing": pa.nulls(ROWS),
})


def stream(table, name, **options):
    with pa.ipc.new_stream(folder + "/" + name, table.schema, **options) as writer:
        writer.write_table(table, max_chunksize=1_700)


pq.write_table(every, folder + "/all.parquet")
stream(every, "all.arrow")

wide = pa.table({
    "k": pa.array([1, 2], pa.int16()),
    "double": pa.array([1.5, 2.5], pa.float32()),
    "decimal": pa.array([decimal.Decimal("1.5"), None], pa.decimal128(5, 1)),
    "timestamp": pa.array([1_577_836_800_000_001_000, None], pa.timestamp("ns")),
})
pq.write_table(wide, folder + "/wide.parquet")
stream(wide, "wide.arrow")

refused = {
    "unknown": {"k": pa.array([1]), "nme": pa.array(["x"])},
    "null": {"k": pa.array([1, None], pa.int64())},
    "missing": {"varchar": pa.array(["x"])},
    "narrow": {"k": pa.array([1]), "integer": pa.array([1], pa.int64())},
    "zone": {"k": pa.array([1]), "timestamp": pa.array([0], pa.timestamp("us", "UTC"))},
    "nanoseconds": {"k": pa.array([1]), "timestamp": pa.array([1], pa.timestamp("ns"))},
    "nul": {"k": pa.array([1]), "varchar": pa.array(["a\0b"])},
    "uuid": {"k": pa.array([1]), "uuid": pa.array(["not one"])},
}
for name, columns in refused.items():
    pq.write_table(pa.table(columns), folder + "/" + name + ".parquet")
    stream(pa.table(columns), name + ".arrow")

# For a table with a key: k BIGINT, note VARCHAR with a default, tags VARCHAR[], body JSON.
TAGS = pa.list_(pa.string())
keyed = {
    "keyed_first": {
        "k": pa.array(list(range(1_000)) + [7, 7], pa.int32()),
        "note": pa.array(["first"] * 1_000 + ["again", "last"]).dictionary_encode(),
        "tags": pa.array([["a", None]] * 1_002, TAGS),
        "body": pa.array(['{"n": [1, null]}'] * 1_002)},
    "keyed_second": {"k": pa.array([1, 2, 5_000]), "tags": pa.array([None, [], ["z"]], TAGS)},
    "keyed_gone": {"k": pa.array(range(10, 1_000), pa.int16())},
    "keyed_null": {
        "k": pa.array([1, None, 3, None], pa.int64()), "note": pa.array(["a", "b", None, "d"])},
    "keyed_missing": {"note": pa.array(["a"])},
    "keyed_loose": {"k": pa.array([1]), "body": pa.array(["[NaN]"])},
    "keyed_names": {"k": pa.array([1]), "body": pa.array(['{"a": 1, "a": 2}'])},
    "keyed_long": {
        "k": pa.array([1, 2]),
        "note": pa.DictionaryArray.from_arrays(pa.array([0, 1]), ["short", "x" * 3_000_000])},
    "keyed_wide": {
        "k": pa.array([1, 2]), "tags": pa.array([["x"] * 3, ["x" * 1_000] * 3_000], TAGS)},
    # What JSON escapes is six times as long there.
    "keyed_escaped": {"k": pa.array([1]), "note": pa.array(["\u0001" * 300_000])},
    "keyed_escaped_more": {"k": pa.array([1]), "note": pa.array(["\u0001" * 900_000])},
    "keyed_fits": {
        "k": pa.array([1, 2]), "note": pa.array(["y" * 400_000, "y" * 1_048_000]),
        "tags": pa.array([["x"] * 150_000, None], TAGS)},
    # Small as a file, gigabytes as lines.
    "keyed_many": {
        "k": pa.array([1] * 3_000_000, pa.int8()),
        "note": pa.DictionaryArray.from_arrays(
            pa.array([0] * 3_000_000, pa.int8()), ["x" * 10_000])},
    "keyed_none": {"k": pa.array([], pa.int64())},
}
for name, columns in keyed.items():
    pq.write_table(pa.table(columns), folder + "/" + name + ".parquet")
    stream(pa.table(columns), name + ".arrow")
stream(every, "compressed.arrow", options=pa.ipc.IpcWriteOptions(compression="zstd"))
