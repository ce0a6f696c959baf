"""Requests for a measurement: opened and claimed by operators, decided by editors."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.errors import BadInput
from harness.names import says_something
from harness.registry.actions.acts import Actor, act
from harness.registry.db.transaction import Item
from harness.registry.facts import RequestFact
from harness.registry.queries.requests import id_of
from harness.registry.store import Registry


class Step(StrEnum):
    """What may happen to a request, by the kind of its event."""

    ACCEPT = "request-accepted"
    REJECT = "request-rejected"
    ARCHIVE = "request-archived"
    REVIVE = "request-revived"
    DUPLICATE = "request-marked-duplicate"
    CLAIM = "request-claimed"
    RELEASE = "request-released"


EDITORS = frozenset({Step.ACCEPT, Step.REJECT, Step.ARCHIVE, Step.REVIVE, Step.DUPLICATE})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request after a step."""

    request: str  # whole id
    status: str
    entry: int


def open_request(
    registry: Registry,
    actor: Actor,
    *,
    model: str,
    hardware: str,
    runtime: str,
    reason: str = "",
    first: Sequence[Item] = (),
) -> Asked:
    """Ask for a measurement, after the events of `first`. Raises why it may not be."""
    detail = {"model": model, "hardware": hardware, "runtime": runtime}
    name = secrets.token_hex(32)
    taken = act(registry, actor, "request-opened", name, reason=reason, detail=detail, first=first)
    return Asked(name, "pending", taken.entry.index)


def step(
    registry: Registry,
    actor: Actor,
    kind: Step,
    request: str,
    *,
    reason: str = "",
    of: str = "",
    first: Sequence[Item] = (),
) -> Asked:
    """One step of the request whose id begins so, after the events of `first`. Raises why it may not be.

    `of`: of a duplicate, the beginning of the other's id.
    """
    with registry.reading() as reader:
        whole = id_of(reader, request)
        detail = {"of": id_of(reader, of)} if kind is Step.DUPLICATE else {}
    taken = act(registry, actor, kind.value, whole, reason=reason, detail=detail, first=first)
    with registry.reading() as reader:
        status = reader.need(RequestFact, whole).status
    return Asked(whole, status, taken.entry.index)


def release_reason(reason: str) -> str:
    """The reason of an editor who releases another's claim. Raises `BadInput` where it says nothing."""
    if not says_something(reason):
        raise BadInput("an editor must give a reason", where="--reason", fix="add --reason TEXT")
    return reason
