"""What `repro submit` does not send, and why: what no record holds, what this one masks, the files that stay in its folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.record import private
from harness.record.schema import Record
from harness.record.store import ENVELOPE_FILE, RECORD_FILE, SAMPLES_FILE

_GATE = "the privacy gate refuses a record that names this machine or its user"
# What was known while measuring and stands in no record.
NEVER: tuple[tuple[str, str], ...] = (
    ("host name, user name, home folder", _GATE),
    ("network addresses, MAC addresses", _GATE),
    ("machine id, boot id", _GATE),
    (
        "serial numbers, ids and bus places of devices",
        "they name one machine; a note of their digests is for the registry alone",
    ),
    ("paths: of the model, the results, the interpreter", "a model is named by the digest of its bytes"),
    ("the command line as typed", "run.command is made of the settings, with no words of yours"),
    (
        "environment variables that no engine heeds",
        "they can hold anything; of the others plain values go: runtime.variables",
    ),
    ("a server's key and the name of its variable", "whoever reads it could use it"),
    ("a server's address that is not this machine's", "it names a machine that may be nobody's business"),
    ("the engine's log", "it holds paths and names"),
    ("what other programs were running", "only how much of the cores they used goes"),
)
_SENT = {ENVELOPE_FILE: "", SAMPLES_FILE: "", RECORD_FILE: "its bytes are inside the envelope"}
# What stands in a record in place of a value (harness/run/conclude/assemble.py), and what that value was.
_MASKED = {
    "named by id": "the id of a device",
    "http://another-machine": "the address of another machine",
    "set, not recorded": "no plain value, or that of a key",
}


def withheld(folder: Path, record: Record, device_ids: int = 0) -> dict[str, Any]:
    """For JSON: `never` holds of any record, `masked` of this one's settings, `files` of its folder, `unknown` of its machine."""
    return {
        "never": [{"what": what, "why": why} for what, why in NEVER],
        "masked": [
            {"what": place, "why": f"it was {_MASKED[value]}; the record says {value!r}"}
            for place, value in _texts(record)
            if value in _MASKED
        ],
        "files": [{"what": name, "why": why} for name, why in _files(folder, device_ids)],
        "unknown": [{"what": place, "why": why} for place, why in _unknown(record.environment, "environment")],
    }


def _texts(record: Record) -> Iterator[tuple[str, str]]:
    for part in ("options", "settings", "variables"):
        for name, value in getattr(record.runtime, part).items():
            if isinstance(value, str):
                yield f"runtime.{part}.{name}", value


def _files(folder: Path, device_ids: int) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.iterdir()):
        if path.name in _SENT:
            continue
        if path.name == private.FILE:
            told = f"the registry alone gets its {device_ids} digests of devices and builds; never published"
            yield path.name, told if device_ids else "a note of digests of devices and builds; the record needs none"
        elif path.name.endswith(".label.txt"):
            yield path.name, "a name of your own for the record, not in it"
        else:
            yield path.name, "not in the record"


def _unknown(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Fields that are null, each with the reason that stands beside it."""
    if not isinstance(value, Mapping):
        return
    if "value" in value and "reason" in value:
        if value["value"] is None:
            yield place, f"not known: {value['reason']}"
        return
    for name, inner in value.items():
        yield from _unknown(inner, f"{place}.{name}")
