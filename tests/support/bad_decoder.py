"""A decoding server whose children misbehave as the request's first word says: run as a program in the place of the real one."""

import json
import os
import signal
import socket
import struct
from hashlib import sha256

from harness.record import decode_child, decode_server

NUMBERS = ("process", "order", "prompt_tokens", "output_tokens", "start_ns")
LISTS = ("token_ns", "step_ns", "output_ids", "counters", "engine")
TEXTS = ("workload", "purpose", "mode", "invalid_reason")


def head(data: bytes, **changes: object) -> dict[str, object]:
    """One row, whose workload names the file."""
    own = (
        dict.fromkeys(NUMBERS, 1)
        | {name: [] for name in LISTS}
        | dict.fromkeys(TEXTS, "")
        | {"workload": sha256(data).hexdigest()}
    )
    return {"columns": [[name, "values", [value]] for name, value in (own | changes).items()]}


def answer(name: bytes, told: object, rest: bytes = b"") -> bytes:
    text = told if isinstance(told, bytes) else json.dumps(told).encode()
    return name + struct.pack(">QQ", 8 + len(text) + len(rest), len(text)) + text + rest


def work(own: socket.socket) -> None:
    decode_child.confine()
    poisoned = False
    while len(start := own.recv(24, socket.MSG_WAITALL)) == 24:
        name = start[:16]
        data = own.recv(int.from_bytes(start[16:], "big"), socket.MSG_WAITALL)
        sound = answer(name, head(data))
        match data.split()[0]:
            case b"hang":
                signal.pause()
            case b"abort":
                os.abort()
            case b"half":
                own.sendall(sound[:-3])
                return
            case b"another-name":
                sound = answer(bytes(16), head(data))
            case b"twice":  # the second lies ready for whoever asks next
                sound += answer(name, head(b"twice")) + answer(bytes(16), head(b"twice"))
            case b"huge":
                sound = name + struct.pack(">QQ", 1 << 40, 8)
            case b"no-json":
                sound = answer(name, b"{")
            case b"deep":
                sound = answer(name, b"[" * 100_000)
            case b"more":
                sound = answer(name, head(data), bytes(8))
            case b"another-type":
                sound = answer(name, head(data, process="1"))
            case b"another-column":
                sound = answer(name, head(data, other=1))
            case b"negative":
                sound = answer(name, {"columns": [["process", "int64", -1]]})
            case b"edges":
                columns = [one for one in head(data)["columns"] if one[0] != "token_ns"]  # type: ignore[attr-defined]
                edges = struct.pack("=2iq", 0, 5, 1)
                sound = answer(name, {"columns": [*columns, ["token_ns", "lists", 1, 1]]}, edges)
            case b"lone-surrogate":
                sound = answer(name, b'{"error": "\\ud800\\u001b[8m\\nnext line"}')
            case b"poison":
                poisoned = True
            case _ if poisoned:
                sound = answer(name, {"error": "refused by one that is out of its mind"})
        own.sendall(sound)


if __name__ == "__main__":
    with socket.socket(fileno=0) as control:
        decode_server.serve(control, work)
