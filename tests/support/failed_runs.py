"""Records of runs that failed, made from whole ones: signed by people who do not exist."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.demo.records import sealed
from harness.record import envelope
from harness.record.canonical import canonical, parse
from harness.record.samples import encode, schema
from harness.registry.actions import failures
from harness.registry.intake.failures import FailedRun, checked
from tests.support.registry_world import REAL, World, listed

EMPTY = encode({name: [] for name in schema().names})
OUTCOME: dict[str, Any] = {
    "status": "failed", "reason": "out_of_memory", "stage": "load", "error": "cudaMalloc failed: out of memory", "loaded": True,
    "given": {"context": 4096}, "devices": None, "evidence": {"attempts": 2},
}  # fmt: skip


def failed_statement(statement: Any, **outcome: Any) -> Any:
    """The statement of a whole record as that of a run that failed."""
    from hashlib import sha256

    digest = sha256(EMPTY).hexdigest()
    told = statement["predicate"]
    told |= {name: [] for name in ("processes", "results", "process_results", "checks", "findings")}
    told |= {"derived": {}, "probe": None, "outcome": {**OUTCOME, **outcome}, "schema_version": "1.3"}
    for subject in statement["subject"]:
        if subject["name"] == told["samples"]["file"]:
            subject["digest"]["sha256"] = digest
    told["samples"] |= {"sha256": digest, "rows": 0}
    return statement


def envelope_of(world: World, name: str, outcome: dict[str, Any] | None = None, **setup: Any) -> bytes:
    """Signed by that person."""
    who = world.person(name)
    made = replace(REAL, **setup)
    made = made if made.synthetic else replace(made, sku=listed(made.sku))
    data, _ = sealed(who, made)
    statement = failed_statement(parse(envelope.read(data, name).payload, name), **(outcome or {}))
    return envelope.sign(canonical(statement), [who.operator, who.rig]).to_bytes()


def failed_run(world: World, name: str, outcome: dict[str, Any] | None = None, **setup: Any) -> FailedRun:
    """Signed by that person, and checked."""
    return checked(envelope_of(world, name, outcome, **setup), EMPTY, name)


def submitted(world: World, name: str, outcome: dict[str, Any] | None = None, **setup: Any) -> str:
    """In the queue; its id."""
    found = failed_run(world, name, outcome, **setup)
    world.join(name)
    assert failures.send(world.registry, world.actor(name), found) is not None
    return found.id


def shown(world: World, name: str, outcome: dict[str, Any] | None = None, **setup: Any) -> str:
    """Submitted and approved; its id."""
    identity = submitted(world, name, outcome, **setup)
    failures.decide(world.registry, world.editor(), failures.Decision.APPROVE, identity, "seen the log")
    return identity
