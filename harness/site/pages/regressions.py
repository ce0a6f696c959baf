"""Did a version change the speed? Candidates, as a page and as JSON, of public records alone; never a fact about a version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from harness.measure.comparison import Comparison, Verdict
from harness.registry.queries import Reader, public
from harness.site import addresses
from harness.site.api import models
from harness.site.api.candidates import candidate
from harness.site.api.json import encoded
from harness.site.data.public import Public
from harness.site.data.values import File, Site
from harness.site.pages.render import page
from harness.tiers.regressions import BAND, CONFIRMING, Change, Label, Versioned, changes
from harness.tiers.values import Measurement

PAGE = 200  # candidates a page
ORDER = (Label.CONFIRMED, Label.POSSIBLE_REGRESSION, Label.POSSIBLE_IMPROVEMENT, Label.INSUFFICIENT)
MARKS = {Verdict.SAME: "same", Verdict.FASTER: "faster", Verdict.SLOWER: "slower"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands."""

    row: str
    model: str
    one: Measurement


@dataclass(frozen=True, slots=True)
class Pair:
    """One operator's two records on one machine."""

    before: str
    after: str
    before_row: str
    after_row: str
    operator: str
    device: str
    mark: str
    comparison: Comparison

    @property
    def address(self) -> str:
        """Of its operator's page."""
        return addresses.operator(self.operator)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A change with what its page shows. `seen`: by sign the handles, and how many persons they are."""

    change: Change
    model: str
    devices: tuple[str, ...]
    pairs: tuple[Pair, ...]
    seen: tuple[tuple[str, tuple[str, ...], int], ...]

    @property
    def sign(self) -> str:
        """In a word."""
        return MARKS.get(self.change.sign, "inconclusive")


@dataclass(frozen=True, slots=True)
class Repeated:
    """The public records of whom there are several of one operator, machine and subject: one alone is no pair."""

    places: Mapping[str, Place]  # by record
    versions: Sequence[Versioned]  # in the log's order


def repeated(reader: Reader, last: Iterable[str] | None = None, rigs: Iterable[str] = ()) -> Repeated:
    """Of the whole registry. `last`: the records that were so before; then only these and those of the `rigs` are looked at."""
    found = {}
    for row, model, one, versions, entry in public.repeated(reader, last, rigs):
        found[one.id] = entry, Place(row, model, one), Versioned(one, versions)
    count = Counter(_machine(place.one) for _, place, _ in found.values())
    own = sorted((one for one in found.values() if count[_machine(one[1].one)] > 1), key=itemgetter(0))
    return Repeated({place.one.id: place for _, place, _ in own}, [versioned for *_, versioned in own])


def _machine(one: Measurement) -> object:
    return one.operator, one.rig, one.hardware.sku, one.subject


def files(site: Site, known: Public, several: Repeated) -> Iterator[File]:
    """The page (several where there are many candidates), and JSON."""
    found = candidates(site, known, several)
    parts = [found[start : start + PAGE] for start in range(0, len(found), PAGE)] or [found]
    paths = ["regressions/index.html", *(f"regressions/page-{number}.html" for number in range(2, len(parts) + 1))]
    counts = [(str(label), sum(one.change.label is label for one in found)) for label in ORDER]
    for path, part in zip(paths, parts, strict=True):
        groups = [(label, [one for one in part if one.change.label is label]) for label in ORDER]
        shown = {"groups": [(str(label), own) for label, own in groups if own], "counts": counts, "total": len(found)}
        yield path, page("regressions.html", path, site, **shown, paths=paths, band=BAND, confirming=CONFIRMING)
    yield "api/v1/regressions.json", _json(site, found)


def candidates(site: Site, known: Public, several: Repeated) -> list[Candidate]:
    """Of the public records, what is confirmed first."""
    found = changes(several.versions, site.policy, known.persons)
    made = [_candidate(change, several.places) for change in found]
    return sorted(made, key=lambda one: ORDER.index(one.change.label))  # stable: by subject, axis and versions within


def _candidate(change: Change, places: Mapping[str, Place]) -> Candidate:
    pairs = []
    for before, after, comparison in change.pairs:
        older, newer = places[before], places[after]
        mark = MARKS.get(comparison.verdict, "inconclusive")
        one = older.one
        pairs.append(Pair(before, after, older.row, newer.row, one.operator, one.hardware.sku, mark, comparison))
    # Persons may go by a handle that has nothing public: their handles are those of the pairs.
    persons = {"faster": len(change.faster), "slower": len(change.slower)}
    seen = {sign: tuple(sorted({pair.operator for pair in pairs if pair.mark == sign})) for sign in persons}
    return Candidate(
        change,
        places[change.pairs[0][0]].model,
        tuple(sorted({pair.device for pair in pairs})),
        tuple(pairs),
        tuple((sign, seen[sign], number) for sign, number in persons.items()),
    )


def _json(site: Site, found: Sequence[Candidate]) -> bytes:
    return encoded(
        models.Regressions(
            schema="urn:repro-harness:api:v1:regressions",
            registry=site.origin,
            log_entries=site.entries,
            policy=site.policy_name,
            policy_sha256=site.policy_sha256,
            ratio_band=BAND,
            candidates=tuple(candidate(one.change, one.model, one.pairs) for one in found),
        )
    )
