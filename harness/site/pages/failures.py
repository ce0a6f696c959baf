"""Runs in which an engine failed, as a page, as JSON and as the signed records: one operator's word each, counted for nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.registry.facts import FailureFact
from harness.registry.queries import Reader
from harness.registry.queries.failures import Told, at_rows, heads, public
from harness.site import addresses
from harness.site.api import models
from harness.site.api.json import encoded, failed_run
from harness.site.data.public import Public
from harness.site.data.values import File, Site
from harness.site.pages.render import page


@dataclass(frozen=True, slots=True)
class Group:
    """What does not run where: of one model, quantisation and engine."""

    model: str
    quantisation: str
    engine: str
    heads: int  # persons who say so
    rows: tuple[str, ...]  # of the same, on whatever device it does run
    told: tuple[Told, ...]


def files(reader: Reader, site: Site, known: Public) -> Iterator[File]:
    """The page, JSON, and each record's envelope as its operator signed it."""
    found = public(reader)
    rows: dict[str, list[str]] = {}
    for row, own in at_rows(reader, found).items():
        for told in own:
            rows.setdefault(told.record, []).append(row)
    groups = _groups(found, rows, known)
    yield addresses.FAILURES, page("failures.html", addresses.FAILURES, site, groups=groups, total=len(found))
    document = models.Failures(
        schema="urn:repro-harness:api:v1:failures",
        registry=site.origin,
        log_entries=site.entries,
        failures=tuple(failed_run(told, rows.get(told.record, ())) for told in found),
    )
    yield "api/v1/failures.json", encoded(document)
    for told in found:
        data = reader.body(reader.need(FailureFact, told.record).envelope_sha256)
        if data is not None:
            yield addresses.failure(told.record), data


def _groups(found: Sequence[Told], rows: dict[str, list[str]], known: Public) -> list[Group]:
    by: dict[tuple[str, str, str], list[Told]] = {}
    for told in found:
        by.setdefault(told.failure.subject, []).append(told)
    return [
        Group(
            model=own[0].failure.model_name,
            quantisation=own[0].failure.quantisation,
            engine=own[0].failure.engine,
            heads=heads(own, known.persons),
            rows=tuple(rows.get(own[0].record, ())),
            told=tuple(own),
        )
        for own in by.values()
    ]
