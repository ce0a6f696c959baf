"""Raw samples as a Parquet file, one row a trial. Columns only: what a trial means is not known here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from harness.errors import RecordInvalid
from harness.record import decode_process

if TYPE_CHECKING:
    import pyarrow


def schema() -> pyarrow.Schema:
    """The columns, in order, with their types; lists hold nanoseconds or token ids."""
    import pyarrow as pa

    counters = pa.map_(pa.string(), pa.int64())
    return pa.schema(
        [
            ("process", pa.int32()),
            ("order", pa.int32()),
            ("workload", pa.string()),
            ("purpose", pa.string()),
            ("mode", pa.string()),
            ("prompt_tokens", pa.int32()),
            ("output_tokens", pa.int32()),
            ("start_ns", pa.int64()),
            ("token_ns", pa.list_(pa.int64())),
            ("step_ns", pa.list_(pa.int64())),
            ("output_ids", pa.list_(pa.int64())),
            ("counters", counters),
            ("engine", counters),
            ("invalid_reason", pa.string()),
        ]
    )


def encode(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """The file's bytes. Column lengths must agree."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(dict(columns), schema=schema()), sink, compression="zstd")
    return bytes(sink.getvalue())


def decode(data: bytes, expected_sha256: str, where: str) -> dict[str, list[Any]]:
    """The columns of a samples file that must have this digest; a list of numbers is an array of int64.

    Foreign bytes: another process decodes them, within limits (`harness.record.decode_process`). Raises `RecordInvalid`.
    """
    if sha256(data).hexdigest() != expected_sha256:
        raise RecordInvalid("the samples are not those of the record (sha256 differs)", where=where, fix="take its own")
    return decode_process.columns(data, where)
