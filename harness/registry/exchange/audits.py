"""Audit a registry, with the processes that this takes, and refuse what does not hold."""

from __future__ import annotations

from harness.errors import RecordInvalid
from harness.measure.plural import count
from harness.progress import Progress
from harness.registry.exchange.audit import Found, audit
from harness.registry.exchange.witnessed import Quorum
from harness.registry.processes import helpers
from harness.registry.store import Registry

MANY = 1000  # records from which other processes help


def audited(registry: Registry, progress: Progress, asked: Quorum | None = None) -> Found:
    """Every fault of the registry, those of lacking cosignatures included where some are asked for."""
    with registry.reading() as reader:
        many = reader.has_records(MANY)  # not the log's size: a table that does not tell it is for the audit to name
    with helpers(MANY if many else 0, MANY) as pool:
        return audit(registry, pool, progress, asked)


def refuse_faults(found: Found, where: str) -> None:
    """Raises `RecordInvalid` where the audit found something: of some records alone, or of the whole."""
    bad = {fault.record for fault in found.faults}
    if bad and "" not in bad:
        raise RecordInvalid(
            f"{len(bad)} of {count(found.records, 'record')} {'does' if len(bad) == 1 else 'do'} not hold; "
            "the log and all others do",
            where=where,
            fix="trust no tier that rests on them",
        )
    if found.faults:
        raise RecordInvalid(
            f"{count(len(found.faults), 'thing does', 'things do')} not hold",
            where=where,
            fix="trust none of its tiers before you know why",
        )
