"""Raw samples as a Parquet file, one row a trial. Columns only: what a trial means is not known here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from harness.errors import RecordInvalid

if TYPE_CHECKING:
    import pyarrow

ROWS_LIMIT = 1_000_000
BYTES_LIMIT = 1 << 30
VALUES_LIMIT = (
    10_000_000  # stamps and ids of all rows: one that repeats takes no room in the file, and eight bytes in memory
)


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
    """The columns of a samples file that must have this digest. Raises `RecordInvalid`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if sha256(data).hexdigest() != expected_sha256:
        raise RecordInvalid("the samples are not those of the record (sha256 differs)", where=where, fix="take its own")
    try:
        # One thread: a pool thread that lets go of a Python object while the interpreter ends aborts the process.
        file = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False)
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        size = sum(group.total_byte_size for group in groups)
        values = sum(group.column(j).num_values for group in groups for j in range(group.num_columns))
        if file.metadata.num_rows > ROWS_LIMIT or size > BYTES_LIMIT or values > VALUES_LIMIT:
            raise RecordInvalid(
                f"{file.metadata.num_rows} rows and {values} values in {size} bytes are over the limits", where=where
            )
        if not file.schema_arrow.equals(schema()):
            raise RecordInvalid("its columns are not those of samples", where=where)
        columns: dict[str, list[Any]] = file.read(use_threads=False).to_pydict()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise RecordInvalid(f"can't be read as Parquet ({error})", where=where) from error
    return columns
