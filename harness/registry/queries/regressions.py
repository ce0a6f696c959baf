"""Regression candidates of a whole registry: its accepted records with their versions, handed to the rules."""

from __future__ import annotations

import json
from dataclasses import dataclass

from harness.measure.comparison import Comparison
from harness.registry.db import records
from harness.registry.db.columns import measurement
from harness.registry.db.reader import Reader
from harness.registry.queries import rows
from harness.tiers.policy import Policy
from harness.tiers.regressions import Change, Versioned
from harness.tiers.regressions import changes as rules


@dataclass(frozen=True, slots=True)
class Pair:
    """One operator's two records on one machine; `comparison` is newer / older, of the headline's decode rate."""

    before: str
    after: str
    before_row: str
    after_row: str
    operator: str
    device: str
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Candidate:
    """A change with what it is about: the model's name, and each pair with its records, rows and device."""

    change: Change
    model: str
    pairs: tuple[Pair, ...]


def changes(reader: Reader, policy: Policy) -> list[Change]:
    """Of every accepted record."""
    return [one.change for one in candidates(reader, policy)]


def candidates(reader: Reader, policy: Policy) -> list[Candidate]:
    """The same, with the model, rows, records and devices of each."""
    about = rows.known(reader)
    found: list[Versioned] = []
    places: dict[str, tuple[str, str, str]] = {}  # record → row, model, device
    for values, model, versions in records.accepted(reader):
        row, one, _ = measurement(values, about.source, about.behind)
        found.append(Versioned(one, tuple(sorted(json.loads(versions).items()))))
        places[one.id] = row, model, one.hardware.sku
    operators = {one.measurement.id: one.measurement.operator for one in found}
    made = []
    for change in rules(found, policy, rows.people(reader)):
        pairs = tuple(
            Pair(before, after, places[before][0], places[after][0], operators[before], places[before][2], comparison)
            for before, after, comparison in change.pairs
        )
        made.append(Candidate(change, places[pairs[0].before][1], pairs))
    return made
