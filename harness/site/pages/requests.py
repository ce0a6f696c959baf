"""What people ask to have measured, as a page and as JSON. One that no editor has accepted is a number, never its text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.registry.facts import RequestFact
from harness.registry.queries import Reader, public
from harness.site import addresses
from harness.site.api import models
from harness.site.api.json import encoded
from harness.site.data.public import Public
from harness.site.data.values import File, Site
from harness.site.pages.render import page

SHOWN = tuple(map(str, models.RequestStatus))  # in this order: what is open comes first
COUNTED = ("pending", "rejected", "duplicate", "archived")
_SHORT = 12  # digits of an id in a command


@dataclass(frozen=True, slots=True)
class Request:
    """One that an editor accepted. `record` and `row` are there where both are public."""

    id: str
    short: str  # of the id: enough to name it
    status: str
    since: str  # UTC, of the status
    model: str
    hardware: str
    runtime: str
    reason: str  # the editor's
    claimed_by: str
    claimer: str  # where that operator's page stands; "" where there is none
    record: str
    row: str


def files(reader: Reader, site: Site, known: Public) -> Iterator[File]:
    """The page and JSON."""
    found, counts = requests(reader, known)
    groups = [(status, [one for one in found if one.status == status]) for status in SHOWN]
    path = "requests/index.html"
    yield path, page("requests.html", path, site, groups=groups, counts=counts, total=len(found))
    yield "api/v1/requests.json", _json(site, found, counts)


def requests(reader: Reader, known: Public) -> tuple[list[Request], dict[str, int]]:
    """Those that are listed, what is open first, the newest first; and how many are not, by status."""
    facts = reader.all(RequestFact)
    listed = {n: fact for n, fact in facts.items() if fact.status in SHOWN and fact.public_from is not None}
    states = Counter(fact.status.value for name, fact in facts.items() if name not in listed)
    homes = _homes(reader, {fact.record for fact in listed.values()} - {""})
    begins = Counter(name[:_SHORT] for name in facts)
    found = [
        _request(name, fact, homes, known.operators, name if begins[name[:_SHORT]] > 1 else name[:_SHORT])
        for name, fact in listed.items()
    ]
    found.sort(key=lambda one: (one.since, one.id), reverse=True)
    found.sort(key=lambda one: SHOWN.index(one.status))
    return found, {name: states[name] for name in COUNTED}


def _homes(reader: Reader, records: Iterable[str]) -> dict[str, str]:
    """Record → row, of those that are public."""
    return {one.record: one.row for one in public.homes(reader, records)}


def _request(name: str, fact: RequestFact, homes: Mapping[str, str], shown: Collection[str], short: str) -> Request:
    row = homes.get(fact.record, "")
    return Request(
        id=name,
        short=short,
        status=fact.status.value,
        since=fact.since,
        model=fact.model,
        hardware=fact.hardware,
        runtime=fact.runtime,
        reason=fact.why,
        claimed_by=fact.claimed_by if fact.claimed_by in shown else "",
        claimer=addresses.operator(fact.claimed_by) if fact.claimed_by in shown else "",
        record=fact.record if row else "",
        row=row,
    )


def _json(site: Site, found: Sequence[Request], counts: Mapping[str, int]) -> bytes:
    return encoded(
        models.Requests(
            schema="urn:repro-harness:api:v1:requests",
            registry=site.origin,
            log_entries=site.entries,
            requests=tuple(map(_request_json, found)),
            not_listed=models.NotListed(**counts),
        )
    )


def _request_json(one: Request) -> models.Request:
    return models.Request(
        request=one.id,
        status=models.RequestStatus(one.status),
        status_since=one.since,
        model_name=one.model,
        hardware=one.hardware,
        runtime=one.runtime,
        reason=one.reason,
        claimed_by=one.claimed_by or None,
        record=one.record or None,
        row=one.row or None,
    )
