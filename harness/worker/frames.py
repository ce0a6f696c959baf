"""The worker's own pipe: framed, versioned, checksummed. Never stdout, where runtimes print.

A frame is `RPF1`, three big-endian 32-bit numbers (length of the header, length of the body, CRC-32 of both), the
header as JSON, and the body as raw little-endian arrays.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.measure.trial import Mode, Purpose, Trial

PROTOCOL = 1
MAGIC = b"RPF1"
_HEAD = struct.Struct(">4sIII")
HEADER_LIMIT = 16 << 20
BODY_LIMIT = 256 << 20


class ProtocolError(Exception):
    """The bytes on the pipe are not frames."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message from the worker."""

    kind: str
    header: Mapping[str, Any]
    body: bytes = b""


def encode(kind: str, header: Mapping[str, Any], body: bytes = b"") -> bytes:
    """The frame's bytes."""
    text = json.dumps({**header, "kind": kind}, separators=(",", ":"), allow_nan=False).encode()
    return _HEAD.pack(MAGIC, len(text), len(body), zlib.crc32(body, zlib.crc32(text))) + text + body


class Decoder:
    """Takes bytes as they come and yields the frames that are whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Frames completed by `data`. Raises `ProtocolError` at the first byte that can't be one."""
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            magic, header_size, body_size, checksum = _HEAD.unpack_from(self._buffer)
            if magic != MAGIC or header_size > HEADER_LIMIT or body_size > BODY_LIMIT:
                raise ProtocolError(f"not a frame: {bytes(self._buffer[:16])!r}")
            end = _HEAD.size + header_size + body_size
            if len(self._buffer) < end:
                return
            text = bytes(self._buffer[_HEAD.size : _HEAD.size + header_size])
            body = bytes(self._buffer[_HEAD.size + header_size : end])
            del self._buffer[:end]
            if zlib.crc32(body, zlib.crc32(text)) != checksum:
                raise ProtocolError("a frame's checksum is wrong")
            try:
                header = json.loads(text)
                yield Frame(header.pop("kind"), header, body)
            except (ValueError, KeyError, AttributeError) as error:
                raise ProtocolError(f"a frame's header can't be read: {error}") from error

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._buffer)


class Pipe:
    """The writing end, in the worker."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, kind: str, header: Mapping[str, Any], body: bytes = b"") -> None:
        """Write the whole frame. Raises `BrokenPipeError` when the parent is gone."""
        left = memoryview(encode(kind, header, body))
        while left:
            left = left[os.write(self._descriptor, left) :]


def trial_frame(trial: Trial) -> tuple[dict[str, Any], bytes]:
    """Header and body of a trial."""
    header = {
        "process": trial.process,
        "order": trial.order,
        "workload": trial.workload,
        "purpose": trial.purpose,
        "mode": trial.mode,
        "prompt_tokens": trial.prompt_tokens,
        "output_tokens": trial.output_tokens,
        "start_ns": trial.start_ns,
        "counters": dict(trial.counters),
        "engine": dict(trial.engine),
        "invalid_reason": trial.invalid_reason,
        "sizes": [len(trial.token_ns), len(trial.step_ns), len(trial.output_ids)],
    }
    ids = np.asarray(trial.output_ids, dtype="<i8")
    body = trial.token_ns.astype("<i8").tobytes() + trial.step_ns.astype("<i8").tobytes() + ids.tobytes()
    return header, body


def trial_from(frame: Frame) -> Trial:
    """The trial of a `trial` frame. Raises `ProtocolError` where sizes and body disagree."""
    header = dict(frame.header)
    try:
        tokens, steps, ids = header.pop("sizes")
        values = np.frombuffer(frame.body, "<i8").astype(np.int64)
        if len(values) != tokens + steps + ids or min(tokens, steps, ids) < 0:
            raise ProtocolError(f"a trial's body holds {len(values)} numbers, not {tokens + steps + ids}")
        return Trial(
            **{**header, "purpose": Purpose(header["purpose"]), "mode": Mode(header["mode"])},
            token_ns=values[:tokens],
            step_ns=values[tokens : tokens + steps],
            output_ids=tuple(values[tokens + steps :].tolist()),
        )
    except (TypeError, ValueError, KeyError) as error:
        raise ProtocolError(f"a trial frame can't be read: {error}") from error
