"""Requests as jobs: what a machine may take now, as data."""

from __future__ import annotations

from dataclasses import dataclass

from harness.registry.db import leases
from harness.registry.db.reader import Reader
from harness.registry.facts import PolicyFact, RequestFact, RequestStatus
from harness.registry.intake.asked import SUITE
from harness.registry.rules.base import known

MOST = 200  # that one answer lists, the oldest first


@dataclass(frozen=True, slots=True)
class Job:
    """A request as one row of a matrix. It is data: whoever takes it decides what its words mean there."""

    request: str  # id
    model: str
    runtime: str
    suite: str
    hardware: str
    policy_sha256: str  # of the registry's policy in force


def offered(reader: Reader, operator: str, now_s: int) -> list[Job]:
    """Accepted requests that nobody measures or has answered, and those that the operator has claimed; the oldest first."""
    wanted = {
        name: fact.since
        for name, fact in reader.all(RequestFact).items()
        if fact.status is RequestStatus.ACCEPTED or (fact.status, fact.claimed_by) == (RequestStatus.CLAIMED, operator)
    }
    taken = leases.live(reader, now_s) | leases.answered(reader, wanted.keys())
    found = sorted((since, name) for name, since in wanted.items() if name not in taken)
    return [job(reader, name) for _, name in found[:MOST]]


def job(reader: Reader, request: str) -> Job:
    """One of them. Raises `NotFound`."""
    fact = known(reader, RequestFact, request)
    return Job(request, fact.model, fact.runtime, SUITE, fact.hardware, reader.need(PolicyFact).sha256)
