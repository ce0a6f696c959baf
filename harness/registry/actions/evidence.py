"""Logs of other tools beside a row: shown, never counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from harness.errors import BadInput, Conflict, ReproError
from harness.record.canonical import canonical
from harness.registry.actions.acts import Actor, act, event, utc
from harness.registry.db import prefixes
from harness.registry.db.reader import Reader
from harness.registry.db.transaction import Item
from harness.registry.queries.desk import subject_of
from harness.registry.queries.evidence import beside
from harness.registry.store import Registry


@dataclass(frozen=True, slots=True)
class Cited:
    """How many measurements of a log came beside which row."""

    row: str
    new: int
    known: int  # that were there already
    removed: int  # that an editor removed earlier: they stay out


def cite(
    registry: Registry, actor: Actor, row: str, log: bytes, payloads: Sequence[dict[str, Any]], reason: str
) -> Cited:
    """Put what was read from `log` (`intake.external.as_payload` of each) beside the row that begins so: all of it, or nothing.
    Over a URL one after the other; the same again brings the rest.

    Raises why it may not be.
    """
    items: dict[str, Item] = {}
    with registry.reading() as reader:
        whole = _row_of(reader, row)
        out = {one.id: one.removed for one in beside(reader, whole)}
        of = {sha256(canonical([whole, payload])).hexdigest(): payload for payload in payloads}
        for subject, payload in of.items():
            if subject not in out:
                detail = {"row": whole, "source_sha256": sha256(log).hexdigest(), "evidence": payload}
                made = event(reader, actor, "evidence-imported", subject, reason=reason, detail=detail)
                items[subject] = Item(made.signed(actor.keys).to_bytes())
    _bring(registry, list(items.values()))
    removed = sum(out.get(subject, False) for subject in of)
    return Cited(whole, len(items), len(of) - len(items) - removed, removed)


@dataclass(frozen=True, slots=True)
class Removed:
    """A measurement of another tool that is shown no more."""

    id: str  # whole
    row: str
    entry: int


def remove(registry: Registry, actor: Actor, row: str, prefix: str, reason: str) -> Removed:
    """Show a measurement no more beside its row, both by how their ids begin; it can't be imported again. Raises why not."""
    with registry.reading() as reader:
        whole = _row_of(reader, row)
        found = {one.id: one for one in beside(reader, whole)}
    if not prefix:
        raise BadInput("must name a measurement", where="--remove", fix="see: repro explain ROW")
    fix = f"see: repro explain {whole[:12]}"
    identity = prefixes.only([one for one in found if one.startswith(prefix.lower())], prefix, "measurement", fix)
    if found[identity].removed:
        raise Conflict(f"was removed before: {found[identity].why}", where=identity[:12])
    return Removed(identity, whole, act(registry, actor, "evidence-removed", identity, reason=reason).entry.index)


def _bring(registry: Registry, items: Sequence[Item]) -> None:
    """Raises why one may not be; over a URL it says how many came before."""
    if not registry.elsewhere:
        registry.append_all(items, utc())
        return
    for done, item in enumerate(items):
        try:
            registry.append_all([item], utc())
        except ReproError as error:
            if done:
                error.what = f"{error.what} ({done} of {len(items)} are there now: the same command brings the rest)"
            raise


def _row_of(reader: Reader, prefix: str) -> str:
    """The row of a record that begins so, of all records: an editor names it. Raises `BadInput`."""
    found = subject_of(reader, prefix)
    if found.failed:
        raise BadInput("is of a run that failed: it is in no row", where=found.id[:12], fix="name a row: repro score")
    return found.row
