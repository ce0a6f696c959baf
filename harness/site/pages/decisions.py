"""Every public decision. An act on a record is public from the entry on that first accepted the record. Of what
waits in the queue, or was turned down there, pages say nothing but how many entries they leave out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness import units
from harness.record.outcome import WORDS
from harness.registry.facts import EvidenceFact, F, Fact, FailureFact, KeyFact, OperatorFact, RecordFact, RequestFact
from harness.registry.queries import Reader
from harness.registry.queries.history import acts_of
from harness.registry.queries.operators import of_rows
from harness.registry.queries.public import before
from harness.site import addresses
from harness.site.data.public import Public
from harness.site.data.values import File, Site
from harness.site.draw.svg import legal
from harness.site.pages.render import page

PAGE = 500  # entries of the log on one page
NEWEST = 50  # decisions on the first page, and in the feed

# kind → what its author did. Names in braces are parts of their own; a kind that is not here is never public.
KINDS: Mapping[str, str] = {
    "registry-created": "founded the registry under the policy {policy}, which needs {approvals} for each record",
    "policy-adopted": "adopted the policy {policy}, which needs {approvals} for each record",
    "editors-changed": "made version {version} of the list of editors: {editors}; acts of the editors ask for {threshold}",
    "passkeys-allowed": "allowed editors' passkeys at {web_origin}",
    "operator-verified": "verified that {operator} owns the hardware",
    "operator-unverified": "took back the verification of {operator}",
    "operators-tied": "recorded that {operator} and {other} are one person, who counts once from here on",
    "operators-untied": "took back that {operator} and {other} are one person",
    "limits-raised": "raised the limits of {operator} for a time",
    "limits-ended": "ended the raised limits of {operator}",
    "reports-closed": "closed what operators had reported of {row}",
    "key-revoked": "revoked the key {key} of {operator}: what it signed at entry {from_index} or later counts no more",
    "key-unrevoked": "withdrew the revocation of the key {key} of {operator}: what it signed stands as it did",
    "registry-key-announced": "announced the digest of the key that may sign the log next",
    "record-approved": "approved {record} by {operator}{place}{also}{took}",
    "record-rejected": "rejected {record} by {operator}, which had been approved",
    "record-sent-back": "sent back {record} by {operator}, which had been approved before",
    "record-moved": "took {record} by {operator} out of a row that was closed{place}; it is decided again",
    "record-withdrawn": "withdrew {record}",
    "body-dropped": "took down the bytes of {record} by {operator}; the log keeps their digests",
    "failure-approved": "approved that {failure} is shown, by {operator}; it counts for no tier",
    "failure-rejected": "rejected {failure} by {operator}, which had been shown",
    "failure-withdrawn": "withdrew {failure}",
    "failure-dropped": "took down the bytes of {failure} by {operator}; the log keeps their digests",
    "witness-added": "had the registry ask the witness {witness} to sign its checkpoints",
    "witness-removed": "had the registry ask the witness {witness} no more",
    "evidence-imported": "put numbers of another tool ({tool}) beside {row}; they are shown and never counted",
    "evidence-removed": "removed numbers of another tool from beside {row}",
    "request-accepted": "accepted the request for {wish}",
    "request-archived": "archived the request for {wish}",
}
_RECORD = {"record-approved", "record-rejected", "record-sent-back", "record-withdrawn", "record-moved", "body-dropped"}
_FAILURE = {"failure-approved", "failure-rejected", "failure-withdrawn", "failure-dropped"}
_EVIDENCE = {"evidence-imported", "evidence-removed"}
_REPORTS = {"reports-closed"}
_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a sentence. `row` and `operator`: whose page it may link to; `free`: somebody else's words."""

    text: str
    row: str = ""
    operator: str = ""
    free: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """A public decision. Its text holds nothing that XML can't."""

    index: int  # of the entry
    at: str  # UTC, the registry's clock
    kind: str
    by: str
    parts: tuple[Part, ...]  # what `by` did, in order
    reason: str

    @property
    def sentence(self) -> str:
        """Who did what, as text."""
        return f"{self.by} {''.join(part.text for part in self.parts)}"

    @property
    def address(self) -> str:
        """Of its line, from the site's root."""
        return f"decisions/{self.index // PAGE}.html#entry-{self.index}"


@dataclass(frozen=True, slots=True)
class Links:
    """Which pages of operators and rows there are in this state of the registry."""

    joined: Mapping[
        str, int
    ]  # of each operator with a page; before that entry the handle was somebody else's, or an editor's
    rows: frozenset[str]

    def operator(self, handle: str, index: int) -> str:
        """Of an operator's page, "" where there is none."""
        return addresses.operator(handle) if self.joined.get(handle, index + 1) <= index else ""

    def of(self, part: Part, index: int) -> str:
        """As `operator`, of any part."""
        if part.operator:
            return self.operator(part.operator, index)
        return f"rows/{part.row[:16]}/index.html" if part.row in self.rows else ""


def files(reader: Reader, site: Site, known: Public, newest: Sequence[Act], since: int = 0) -> Iterator[File]:
    """`decisions/index.html`, with the `newest`, and a page for each 500 entries.

    `since`: only the pages that may read otherwise than a build at that many entries made them: from the one with the last of
    those entries on, and older ones that name a row or an operator whose page came or went.
    """
    size, tail = reader.size(), max(since - 1, 0) // PAGE
    rows, handles, low = _moved(reader, since) if since else (frozenset[str](), frozenset[str](), 0)
    first = min(low // PAGE, tail)
    acts = [act for act in newest if act.index >= first * PAGE]
    acts = [*public(reader, first * PAGE, acts[0].index if acts else None), *acts]
    by_page: dict[int, list[Act]] = {}
    for act in acts:
        by_page.setdefault(act.index // PAGE, []).append(act)
    links, pages = _links(known), -(-size // PAGE)
    for number in range(first, pages):
        own = by_page.get(number, [])
        if number >= tail or any(_names(act, rows, handles) for act in own):
            yield _page(site, number, own, links, size)
    yield "decisions/index.html", page(
        "decisions.html", "decisions/index.html", site, number=None, last=pages - 1, size=size, each=PAGE,
        lines=_lines(newest[::-1], links), unlisted=0,
    )  # fmt: skip


def newest_acts(reader: Reader) -> list[Act]:
    """The last `NEWEST` public decisions, in the log's order."""
    found: list[Act] = []
    end, width = reader.size(), 2 * NEWEST  # a record takes two entries, one of them public
    while end and len(found) < NEWEST:
        first = max(end - width, 0)
        found = [*public(reader, first, end), *found]
        end, width = first, 2 * width
    return found[-NEWEST:]


def public(reader: Reader, first: int = 0, end: int | None = None) -> list[Act]:
    """The public decisions at entry `first` and later, before `end`."""
    facts, found = _Facts(reader), []
    for act in acts_of(reader, first=first, end=end):
        if act["kind"] in KINDS and _shown(act, facts):
            parts = tuple(_parts(act, facts))
            found.append(Act(act["index"], act["at"], act["kind"], act["by"], parts, _reason(act)))
    return found


class _Facts:
    """Facts that are asked many times; of each only what no later entry changes."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[tuple[type[Any], str], Fact] = {}

    def need(self, kind: type[F], name: str) -> F:
        """Raises `RecordInvalid` where there is none."""
        found = self._known.get((kind, name))
        if not isinstance(found, kind):
            found = self._known[kind, name] = self._reader.need(kind, name)
        return found

    def record(self, act: Mapping[str, Any]) -> str:
        """The record that decides whether the act is public; "" where none does."""
        if act["kind"] in _RECORD | _REPORTS:
            return str(act["subject"])
        return self.need(EvidenceFact, act["subject"]).row if act["kind"] in _EVIDENCE else ""


def _reason(act: Mapping[str, Any]) -> str:
    """An editor's; what an operator says of a withdrawal nobody has read before it would stand here."""
    return "" if act["kind"] in ("record-withdrawn", "failure-withdrawn") else legal(act["reason"].strip())


def _shown(act: Mapping[str, Any], facts: _Facts) -> bool:
    """What editors did, and withdrawals; to a record, evidence or a request from the entry on that first accepted it."""
    if act["kind"] == "key-revoked" and act["by"] == facts.need(KeyFact, act["subject"]).owner:
        return False
    if act["kind"].startswith("request-"):
        opened = facts.need(RequestFact, act["subject"]).public_from
        return opened is not None and opened <= act["index"]
    if act["kind"] in _FAILURE:
        opened = facts.need(FailureFact, act["subject"]).public_from
        return opened is not None and opened <= act["index"]
    record = facts.record(act)
    opened = facts.need(RecordFact, record).public_from if record else 0
    return opened is not None and opened <= act["index"]


def _parts(act: Mapping[str, Any], facts: _Facts) -> Iterator[Part]:
    fields = _fields(act, facts)
    for place, text in enumerate(_FIELD.split(KINDS[act["kind"]])):
        if place % 2:
            yield from fields[text]
        elif text:
            yield Part(text)


def _fields(act: Mapping[str, Any], facts: _Facts) -> dict[str, list[Part]]:
    """What stands for the names in braces."""
    kind, subject, detail = act["kind"], act["subject"], act["detail"]
    if kind in _RECORD:
        fact = facts.need(RecordFact, subject)
        own = fact.row == subject
        also = [one for one in fact.public_by if one != act["by"]] if fact.public_from == act["index"] else []
        place = [Part(", a row of its own")] if own else [Part(", a reproduction in "), _row(fact.row)]
        took = fact.took if fact.public_from == act["index"] else 0
        return {
            "record": [Part(f"record {subject[:12]}", row=fact.row)],
            "operator": [_operator(fact.operator)],
            "place": [*place, *_came(fact, facts)],
            "also": [Part(f"; {_listed(also)} had approved it before")] if also else [],
            "took": [Part(f"; records of closed rows of its subject and device that came along: {took}")]
            if took
            else [],
        }
    if kind in _FAILURE:
        failed = facts.need(FailureFact, subject)
        said = Part(f"record {subject[:12]} of a run that failed ({WORDS[failed.reason]})")
        return {"failure": [said], "operator": [_operator(failed.operator)]}
    if kind in _EVIDENCE:
        imported = facts.need(EvidenceFact, subject)
        return {"row": [_row(imported.row)], "tool": [_free(imported.evidence.tool)]}
    if kind in _REPORTS:
        return {"row": [_row(subject)]}
    if kind.startswith("request-"):
        return {"wish": _wish(facts, subject)}
    if kind in ("key-revoked", "key-unrevoked"):
        owner, since = facts.need(KeyFact, subject).owner, str(detail.get("from_index", ""))
        return {"key": [Part(subject[:12])], "operator": [_operator(owner)], "from_index": [Part(since)]}
    if kind == "editors-changed":
        document = detail["editors"]
        return {
            "version": [Part(str(document["version"]))],
            "editors": [Part(_listed(sorted(document["editors"])))],
            "threshold": [Part(units.count(document["threshold"], "signature"))],
        }
    if kind == "passkeys-allowed":
        return {"web_origin": [Part(subject)]}
    return {
        "operator": [_operator(subject)],
        "other": [_operator(detail.get("other", ""))],
        "policy": [_free(detail.get("policy", subject))],
        "approvals": [Part(units.count(detail.get("approvals", 0), "approval"))],
        "witness": [_free(subject)],
    }


def _came(fact: RecordFact, facts: _Facts) -> Iterator[Part]:
    """From which rows the log brought the record to its row (docs/decisions/0038); one that was never public has no name."""
    if fact.came_from:
        yield Part("; it came along from ")
        for place, row in enumerate(fact.came_from):
            yield Part(", then " if place else "")
            never = facts.need(RecordFact, row).public_from is None
            yield Part("a row that was never public") if never else _row(row)
        yield Part(", which closed")


def _row(row: str) -> Part:
    return Part(f"row {row[:12]}", row=row)


def _operator(handle: str) -> Part:
    return Part(handle, operator=handle)


def _free(text: str) -> Part:
    return Part(legal(text), free=True)


def _wish(facts: _Facts, request: str) -> list[Part]:
    fact = facts.need(RequestFact, request)
    return [_free(fact.model), Part(" on "), _free(fact.hardware), Part(" with "), _free(fact.runtime)]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _names(act: Act, rows: frozenset[str], handles: frozenset[str]) -> bool:
    return act.by in handles or any(part.row in rows or part.operator in handles for part in act.parts)


def _page(site: Site, number: int, acts: Sequence[Act], links: Links, size: int) -> File:
    path, end = f"decisions/{number}.html", min((number + 1) * PAGE, size)
    return path, page(
        "decisions.html", path, site, number=number, last=-(-size // PAGE) - 1, size=end, each=PAGE,
        lines=_lines(acts, links), unlisted=end - number * PAGE - len(acts),
    )  # fmt: skip


def _lines(acts: Sequence[Act], links: Links) -> list[tuple[Act, str, list[tuple[Part, str]]]]:
    """Each act with the address of its author's page, and of each part's."""
    return [
        (act, links.operator(act.by, act.index), [(part, links.of(part, act.index)) for part in act.parts])
        for act in acts
    ]


def _links(known: Public) -> Links:
    return Links({handle: fact.joined for handle, fact in known.operators.items()}, known.rows)


def _moved(reader: Reader, since: int) -> tuple[frozenset[str], frozenset[str], int]:
    """Rows and operators whose pages may have come or gone since that entry, and the first entry that may name one of them."""
    records: set[str] = set()
    said: set[str] = set()
    for act in acts_of(reader, first=since):
        if act["kind"] in ("record-approved", "record-rejected", "record-withdrawn"):
            records.add(act["subject"])
        elif act["kind"] == "key-revoked":
            records |= set(reader.records_by_key(act["subject"], act["detail"]["from_index"]))
        elif act["kind"] == "key-unrevoked":
            records |= set(reader.records_by_key(act["subject"], 0))
        elif act["kind"] in ("operator-verified", "operator-unverified"):
            said.add(act["subject"])
    facts = {record: reader.need(RecordFact, record) for record in sorted(records)}
    rows = {record: fact.index for record, fact in facts.items() if fact.row == record and fact.index < since}
    handles = said | {fact.operator for fact in facts.values()} | of_rows(reader, rows)
    joined = {handle: reader.need(OperatorFact, handle).joined for handle in sorted(handles)}
    moved = {h: at for h, at in joined.items() if at < since and not _stood(reader, h, since, records, said)}
    return frozenset(rows), frozenset(moved), min([since, *rows.values(), *moved.values()])


def _stood(reader: Reader, handle: str, since: int, changed: set[str], said: set[str]) -> bool:
    """Whether the operator had a page at that entry and has it now: verified, or with a public record, and untouched since."""
    if handle not in said and reader.need(OperatorFact, handle).verified:
        return True
    found = before(reader, handle, since)
    return any(record not in changed and row not in changed for record, row in found)
