"""Ways to change a signed record: in its bytes, or in its fields and then signed again by its own operator."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

from harness.demo.records import Person
from harness.record import envelope
from harness.record.canonical import canonical


def _bytes(data: bytes, draw: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 5, 40))):
        kind, at = draw.randrange(3), draw.randrange(len(found))
        if kind == 0:
            found[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del found[at : at + draw.choice((1, 3, 100))]
        else:
            found[at:at] = draw.randbytes(draw.choice((1, 3, 100)))
    return bytes(found)


# Some of the fields that a record must have, of every type; text that is free may say anything, and is shown, never counted.
_TYPED: tuple[tuple[str | int, ...], ...] = (
    ("schema_version",), ("samples",), ("samples", "rows"), ("samples", "sha256"), ("samples", "file"), ("suite",),
    ("suite", "headline"), ("suite", "sha256"), ("suite", "version"), ("operator", "handle"), ("operator", "operator_key"),
    ("operator", "rig_key"), ("processes",), ("processes", 0), ("processes", 0, "load_ns"), ("workloads",), ("workloads", 0, "id"),
    ("workloads", 0, "prompt_tokens"), ("results",), ("results", 0), ("results", 0, "workload"), ("results", 0, "metrics"),
    ("results", 0, "metrics", 0, "estimate", "point"), ("run",), ("run", "seed"), ("run", "synthetic"), ("run", "stop_rule"),
    ("runtime", "devices"), ("runtime", "settings"), ("model",), ("environment",), ("checks",), ("findings",), ("harness",),
)  # fmt: skip


def _another_type(statement: dict[str, Any], draw: random.Random) -> None:
    path = draw.choice(_TYPED)
    holder: Any = statement["predicate"]
    for key in path[:-1]:
        holder = holder[key]
    value = holder[path[-1]]
    others = [v for v in (None, "x", 7, [], {"a": 1}, [1], True, -1) if type(v) is not type(value)]
    holder[path[-1]] = draw.choice([v for v in others if not (v == [] and isinstance(value, dict))])


def _headline(statement: dict[str, Any], draw: random.Random) -> None:
    estimate = statement["predicate"]["results"][0]["metrics"][0]["estimate"]
    medians = estimate["process_medians"]
    medians[draw.randrange(len(medians))] += draw.choice((-1, 1, 1000, 10**9))


# What a record may go without: it says the same, or less, as one of an older schema.
OPTIONAL = ("challenge", "experiment", "outcome", "previous", "run_number", "subject")


def _missing(statement: dict[str, Any], draw: random.Random) -> None:
    record = statement["predicate"]
    holder = draw.choice(
        [record, record["run"], record["runtime"], record["suite"], record["samples"], record["operator"], statement]
    )
    gone = draw.choice([key for key in holder if key not in OPTIONAL])
    del holder[gone]


def _samples_of_another(statement: dict[str, Any], draw: random.Random) -> None:
    other = sha256(draw.randbytes(8)).hexdigest()
    statement["predicate"]["samples"]["sha256"] = other


def _foreign(statement: dict[str, Any], draw: random.Random) -> None:
    kind = draw.randrange(4)
    if kind == 0:
        statement["predicateType"] = draw.choice(("", "urn:other", "urn:repro-harness:record:v2"))
    elif kind == 1:
        statement["predicate"]["schema_version"] = draw.choice(("2.0", "", "1", "one", "0.9"))
        if statement["predicate"]["schema_version"] == "1":
            statement["_type"] = "x"
    elif kind == 2:
        statement["_type"] = draw.choice(("", "https://in-toto.io/Statement/v0.1"))
    else:
        statement["predicate"]["operator"] = None


_STATEMENTS: dict[str, Callable[[dict[str, Any], random.Random], None]] = {
    "another type": _another_type,
    "headline": _headline,
    "missing": _missing,
    "other samples": _samples_of_another,
    "foreign": _foreign,
}
_TEXTS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "spaces": lambda p, draw: p.replace(b",", b", ", 1),
    "float": lambda p, draw: p.replace(
        b'"seed":0', draw.choice((b'"seed":0.0', b'"seed":1e3', b'"seed":-0', b'"seed":NaN'))
    ),
    "twice": lambda p, draw: p.replace(b'"seed":0', b'"seed":0,"seed":0'),
    "huge": lambda p, draw: p.replace(b'"seed":0', b'"seed":' + str(2 ** draw.randrange(53, 4000)).encode()),
    "nested": lambda p, draw: p.replace(b'"seed":0', b'"seed":' + b"[" * 40 + b"]" * 40),
    "cut": lambda p, draw: p[: draw.randrange(len(p))],
    "tail": lambda p, draw: p + draw.choice((b" ", b"\n", b"{}", b"\0")),
}
MUTATORS = ("bytes", "samples", "payload", *_STATEMENTS, *_TEXTS)


def mutated(name: str, data: bytes, samples: bytes, who: Person, draw: random.Random) -> tuple[bytes, bytes]:
    """(envelope, samples), one of them changed."""
    if name == "bytes":
        # Base64 has spare bits, JSON has spaces: what decodes to the same is the same record.
        changed = _bytes(data, draw)
        try:
            same = envelope.read(changed, "") == envelope.read(data, "")
        except Exception:
            same = False
        return (data, samples) if same else (changed, samples)
    if name == "samples":
        return data, _bytes(samples, draw)
    payload = envelope.read(data, "").payload
    if name == "payload":
        return replace(envelope.read(data, ""), payload=_bytes(payload, draw)).to_bytes(), samples
    if name in _TEXTS:
        payload = _TEXTS[name](payload, draw)
    else:
        statement = json.loads(payload)
        _STATEMENTS[name](statement, draw)
        payload = canonical(statement)
    return envelope.sign(payload, [who.operator, who.rig]).to_bytes(), samples


def bomb(who: Person) -> tuple[bytes, bytes]:
    """A record whose samples repeat one number: some kilobytes that unpack to a gigabyte."""
    import io

    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from harness.demo.records import Setup, sealed
    from harness.record.samples import schema

    data, samples = sealed(who, Setup())
    rows: list[dict[str, Any]] = (
        pq.ParquetFile(io.BytesIO(samples), pre_buffer=False).read(use_threads=False).to_pylist()
    )
    table = pa.Table.from_pylist(rows[:1], schema=schema())
    many = pa.ListArray.from_arrays(pa.array([0, 120_000_000], pa.int32()), pa.array(np.zeros(120_000_000, np.int64)))
    table = table.set_column(table.schema.get_field_index("token_ns"), schema().field("token_ns"), many)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    packed = bytes(sink.getvalue())
    statement = json.loads(envelope.read(data, "").payload)
    digest = sha256(packed).hexdigest()
    statement["predicate"]["samples"] |= {"sha256": digest, "rows": 1}
    for subject in statement["subject"]:
        if subject["name"] == "samples.parquet":
            subject["digest"]["sha256"] = digest
    return envelope.sign(canonical(statement), [who.operator, who.rig]).to_bytes(), packed
