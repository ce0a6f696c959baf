"""What is public of a registry's records, as its pages ask: see `harness.registry.db.public`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from harness.registry.db import public
from harness.registry.db.columns import measurement
from harness.registry.db.downloads import Listing as Listing
from harness.registry.db.downloads import sqlite_file as sqlite_file
from harness.registry.db.public import before as before
from harness.registry.db.public import digests as digests
from harness.registry.db.public import homes as homes
from harness.registry.db.public import lines as lines
from harness.registry.db.public import rows as rows
from harness.registry.db.public import tallies as tallies
from harness.registry.db.reader import Reader
from harness.registry.queries.rows import Known
from harness.tiers.values import Measurement

_NOTHING_KNOWN = Known(frozenset())  # a verdict asks neither who is verified nor for drift


class Versioned(NamedTuple):
    """A record with where it stands and the versions of its software, by name in order."""

    row: str
    model_name: str
    one: Measurement
    versions: tuple[tuple[str, str], ...]
    entry: int


class Paired(NamedTuple):
    """An operator's record beside its row's own."""

    operator: str
    model_name: str
    own: Measurement
    hub: Measurement


def repeated(reader: Reader, records: Iterable[str] | None = None, rigs: Iterable[str] = ()) -> Iterator[Versioned]:
    """Records of whom there are several of one operator, machine and subject. With `records`: these, and all that were made
    with the `rigs`, whether there are several or not; one may come twice.
    """
    found = public.repeated(reader) if records is None else public.named(reader, records, rigs)
    for values, name, versions, entry in found:
        row, one, _ = measurement(values, _NOTHING_KNOWN.source, _NOTHING_KNOWN.behind)
        yield Versioned(row, name, one, tuple(sorted(json.loads(versions).items())), entry)


def paired(reader: Reader, operators: Collection[str]) -> Iterator[Paired]:
    """Of these operators, one operator after the other."""
    for operator, name, *values in public.paired(reader, operators):
        own, hub = (measurement(part, _NOTHING_KNOWN.source, _NOTHING_KNOWN.behind)[1] for part in values)
        yield Paired(operator, name, own, hub)
