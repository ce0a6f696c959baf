"""Takes a fleet's records home: verified, signed by their node, then by the operator; each appears whole or not at all.

The operator's private key is used here alone. A node's key is noted the first time that a record bears it; from then on
another key under the node's name is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BadInput, RecordInvalid
from harness.files import read_if_there, write_bytes
from harness.fleet.answering import other_work
from harness.fleet.outcome import Standing
from harness.fleet.plan import Plan
from harness.fleet.state import State
from harness.inside import inside
from harness.record import envelope, keys, private, store
from harness.record.keys import Signers
from harness.record.store import Stored
from harness.verify.reading import follow, well_formed

KEYS = "fleet-nodes"  # beside the operator's keys: node → rig key, hexadecimal
_LIMIT = 4096
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")


@dataclass(frozen=True, slots=True)
class Collected:
    """A job's record at home, or why it was not taken; both None for a job without a record."""

    standing: Standing
    record: Path | None = None  # its folder
    refused: str = ""


def collect(
    state: State, found: Sequence[Standing], results: Path, signers: Signers | None, known: Path
) -> list[Collected]:
    """Every record of the jobs, in `results`; what is there already stays. `known`: the folder that remembers the nodes' keys.

    Raises `BadInput` where nothing can be written; a record that does not hold is told of, and left where it is.
    """
    store.writable(results)
    return [_one(state, one, results, signers, known) for one in found]


def _one(state: State, one: Standing, results: Path, signers: Signers | None, known: Path) -> Collected:
    if one.outcome is None or one.outcome.record is None:
        return Collected(one)
    try:
        name = _folder(one.outcome.record)
        target = results / name
        stored = store.read(state.results(one.job.number) / name)
        _refuse_other_work(state, one, stored)
        if not target.exists():
            sealed = _sealed(state, one, stored, signers, known)
            note = private.read(stored.path.parent)
            store.write(results, name, stored.payload, stored.samples(), sealed)
            private.write(target, note)
        elif store.read(target).id != stored.id:
            raise RecordInvalid("another record has its folder's name", where=str(target))
        return Collected(one, target)
    except BadInput as error:
        return Collected(one, refused=str(error))


def _refuse_other_work(state: State, one: Standing, stored: Stored) -> None:
    """Raises `RecordInvalid` for a record that does not answer the job."""
    where, again = str(stored.path), f"remove {state.job_folder(one.job.number)}, then run: repro fleet resume MATRIX"
    with well_formed(where):
        if other := other_work(state.plan, one.job, stored.record):
            raise RecordInvalid(f"is of other work than job {one.job.number}: its {other}", where=where, fix=again)


def _sealed(state: State, one: Standing, stored: Stored, signers: Signers | None, known: Path) -> bytes | None:
    """The envelope with both signatures; None for a record that nobody signs. Raises `RecordInvalid` for what does not hold."""
    where, operator, data = str(stored.path), stored.record.operator, stored.envelope()
    follow(stored)
    if data is None or operator is None:
        if state.plan.operator is not None and not stored.record.run.synthetic:
            fix = f"remove {state.job_folder(one.job.number)}, then run: repro fleet resume MATRIX"
            raise RecordInvalid("lacks its node's signature", where=where, fix=fix)
        return None
    if signers is None:
        raise RecordInvalid("waits for the operator's signature", where=where, fix="collect it where your keys are")
    ours = signers.public
    if (operator.handle, operator.operator_key) != (ours.handle, ours.operator_key):
        raise RecordInvalid(
            "names another operator", where=where, fix="collect it with the keys that started the fleet"
        )
    sealed = envelope.read(data, where)
    if sealed.payload != stored.payload:
        raise RecordInvalid("has the envelope of another record", where=where)
    envelope.verify(sealed, keys.by_id(operator.rig_key), where)
    _same_key(known, f"{state.plan.executor}-{one.job.node}", operator.rig_key, where)
    own = envelope.sign(stored.payload, [signers.operator])
    rig = tuple(s for s in sealed.signatures if s.keyid in keys.by_id(operator.rig_key))[:1]
    return envelope.Envelope(sealed.payload_type, sealed.payload, (*own.signatures, *rig)).to_bytes()


def _folder(name: str) -> str:
    """A record's folder as our own names them. Raises `RecordInvalid`: an outcome lies where others may write."""
    if _NAME.fullmatch(name) is None:
        raise RecordInvalid(f"{name[:60]!a} can't be a record's folder", where="outcome", fix="measure again")
    return name


def _same_key(known: Path, node: str, key: str, where: str) -> None:
    path = inside(known / KEYS, node, where)
    _refuse_neighbours_key(path, key, where)
    earlier = read_if_there(path, _LIMIT, "the node's key")
    if earlier is None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_bytes(path, key.encode())
    elif earlier.decode(errors="replace").strip() != key:
        raise RecordInvalid(
            f"is signed by another key than {node} had before",
            where=where,
            fix=f"if the node was installed again, remove {path}",
        )


def _refuse_neighbours_key(path: Path, key: str, where: str) -> None:
    """A record that was laid into another node's job would else make its key that node's."""
    of_executor = path.name.partition("-")[0]
    for other in path.parent.glob(f"{of_executor}-*") if path.parent.is_dir() else ():
        known = read_if_there(other, _LIMIT, "the node's key") or b""
        if other.name != path.name and known.decode(errors="replace").strip() == key:
            raise RecordInvalid(
                f"is signed by the key of {other.name}, another node",
                where=where,
                fix=f"if {other.name} is no more, remove {other}",
            )


def at_home(plan: Plan, found: Sequence[Standing], results: Path) -> tuple[dict[int, Stored], int]:
    """The records that were taken home, by the numbers of their jobs, and how many wait at their nodes.

    Raises `BadInput`, also for one that an outcome names and that is no job's: an outcome lies where others may write.
    """
    home: dict[int, Stored] = {}
    waiting = 0
    for one in found:
        if one.outcome is None or one.outcome.record is None:
            continue
        folder = results / _folder(one.outcome.record)
        if folder.exists():
            stored = home[one.job.number] = store.read(folder)
            if stored.record.run.seed != plan.run_seed(one.job):
                raise RecordInvalid(
                    f"is not the record of job {one.job.number}", where=str(folder), fix="run: repro fleet collect"
                )
        else:
            waiting += 1
    return home, waiting
