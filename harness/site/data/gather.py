"""One row of a registry with all that its page shows. Public records alone: who is not reviewed yet is a mark without a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from hashlib import sha256

from harness.errors import RecordInvalid
from harness.measure.logs import logs_of
from harness.record import envelope, settings
from harness.record.schema import Record
from harness.record.statement import taken
from harness.registry.facts import Evidence, EvidenceFact, RecordFact
from harness.registry.queries import Reader, cautions, failures, reports, rows
from harness.registry.queries.failures import Told
from harness.registry.queries.secondary import beside
from harness.site.data.public import Ground
from harness.site.data.values import Benchmark, Body, Passage, Reproduction, Site, Summary
from harness.tiers.score import Score, months_between, score
from harness.tiers.values import Mark, Measurement, Ring, Row, Source, Status, ring_of
from harness.tiers.voices import Chorus, chorus


@dataclass(frozen=True, slots=True)
class Frame:
    """What is known beyond a row, asked once for many of them."""

    about: rows.Known
    people: Mapping[str, str]
    evidence: Mapping[str, tuple[Evidence, ...]]  # row → what was imported beside it
    failures: Mapping[str, tuple[Told, ...]]  # row → runs of its model and engine that failed
    frozen: Mapping[str, reports.Frozen]  # row → since when it is under review


def frame(reader: Reader, known: Ground) -> Frame:
    """Of the whole registry."""
    evidence: dict[str, tuple[Evidence, ...]] = {}
    for fact in reader.all(EvidenceFact).values():
        if not fact.removed:
            evidence[fact.row] = (*evidence.get(fact.row, ()), fact.evidence)
    failed = failures.at_rows(reader, failures.public(reader))
    about = replace(rows.known(reader, ()), verified=known.verified)
    return Frame(about, known.persons, evidence, failed, reports.frozen(reader))


def benchmark(reader: Reader, site: Site, known: Frame, row: str) -> Benchmark:
    """The row's page. Raises `RecordInvalid`, naming the record, for one that can't be read."""
    now = known.frozen.get(row)
    found, day = reports.held(reader, rows.read(reader, row, known.about), now, site.as_of)
    scored = score(found, site.policy, day, people=known.people)
    bodies = {one.id: _body(reader, one.id) for one in (found.hub, *found.others) if one.status is Status.ACCEPTED}
    records = {identity: _record(body) for identity, body in bodies.items()}
    hub = records[row]
    voices = chorus(found.hub, found.others, {key: one.mark for key, one in scored.judged.items()}, known.people)
    reproductions = _reproductions(site, known, found, scored, records, voices)
    passages = [_passage(bodies[one.id].fact, one) for one in (found.hub, *found.others) if one.id in bodies]
    said = cautions.of_row(reader, found, scored, known.people, records)
    return Benchmark(
        row=found,
        score=_without(scored, {one.id for one in found.others if one.status is not Status.ACCEPTED}),
        record=hub,
        bodies=tuple(bodies.values()),
        reproductions=reproductions,
        cautions=tuple(caution.text for caution in said),
        evidence=known.evidence.get(row, ()),
        passages=tuple(sorted(passages, key=lambda one: one.entry)),
        summary=_summary(
            found, scored, hub, voices, reproductions, passages[0].entry, site.as_of, under_review=now is not None
        ),
        frozen=now,
        failures=known.failures.get(row, ()),
        failure_heads=failures.heads(known.failures.get(row, ()), known.people),
    )


def _without(scored: Score, hidden: set[str]) -> Score:
    """The score as the public may see it: records that nobody approved feed it without their names."""
    judged = {record: verdict for record, verdict in scored.judged.items() if record not in hidden}

    def shown(records: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(one for one in records if one not in hidden)

    return replace(
        scored,
        judged=judged,
        factors=tuple(replace(factor, records=shown(factor.records)) for factor in scored.factors),
        derived_from=tuple(replace(step, records=shown(step.records)) for step in scored.derived_from),
    )


def _body(reader: Reader, identity: str) -> Body:
    where, fact = f"record {identity}", reader.get(RecordFact, identity)
    if fact is None:
        raise RecordInvalid("is in the table and not in the log", where=where, fix="run: repro audit")
    found = []
    for kind, digest in (("envelope", fact.envelope_sha256), ("samples", fact.samples_sha256)):
        data = reader.body(digest)
        if data is None or sha256(data).hexdigest() != digest:
            raise RecordInvalid(f"its {kind} are gone or changed", where=where, fix="run: repro audit")
        found.append(data)
    return Body(identity, fact, *found)


def _record(body: Body) -> Record:
    where = f"record {body.record}"
    return taken(envelope.read(body.envelope, where).payload, body.record, where)


def _reproductions(
    site: Site, known: Frame, found: Row, scored: Score, records: Mapping[str, Record], voices: Chorus
) -> tuple[Reproduction, ...]:
    marks = {identity: judged.mark for identity, judged in scored.judged.items()}
    hub = records[found.hub.id]
    waiting = {one.id for one in voices.pending}
    heard = {voice.record.id for voice in (*voices.inside, *voices.outside, *voices.inconclusive)}
    shown = sorted(
        (one for one in found.others if one.id in marks and (one.status is Status.ACCEPTED or one.id in waiting)),
        key=lambda one: (
            ring_of(found.hub, one) is Ring.INDEPENDENT,
            marks[one.id] is Mark.PENDING,
            one.measured,
            one.id,
        ),
    )
    made, counts = [], {Ring.COMMUNITY: 0, Ring.INDEPENDENT: 0}
    for one in shown:
        ring = ring_of(found.hub, one)
        counts[ring] += 1
        public = one.status is Status.ACCEPTED
        comparison = scored.judged[one.id].comparison
        made.append(
            Reproduction(
                record=one.id if public else "",
                operator=one.operator if public else "",
                label=f"{'C' if ring is Ring.COMMUNITY else 'I'}{counts[ring]}",
                ring=ring,
                measurement=one,
                mark=marks[one.id],
                ratio=None if comparison is None else comparison.ratio,
                low=None if comparison is None else comparison.low,
                high=None if comparison is None else comparison.high,
                why_not="" if one.id in heard or not public else _why_not(found.hub, one, known.people),
                beside=tuple(beside(hub, records[one.id], site.policy)) if public else (),
            )
        )
    return tuple(made)


def _why_not(hub: Measurement, one: Measurement, people: Mapping[str, str]) -> str:
    if one.source is Source.IMPORTED:
        return "imported from elsewhere"
    if people.get(one.operator) == people.get(hub.operator):
        return "by the operator who opened this row"
    if one.failed:
        return f"does not agree with itself: {', '.join(one.failed)}"
    return "a newer record of the same machine counts"


def _passage(fact: RecordFact, one: Measurement) -> Passage:
    return Passage(one.id, one.operator, fact.index, fact.submitted, fact.approvals, fact.why)


def _summary(
    found: Row,
    scored: Score,
    hub: Record,
    voices: Chorus,
    made: Sequence[Reproduction],
    entry: int,
    as_of: date,
    *,
    under_review: bool,
) -> Summary:
    one, headline = found.hub, hub.headline
    estimate = None if headline is None else headline.estimate
    if estimate is None:
        raise RecordInvalid("has no decode rate of its headline workload", where=f"record {one.id}")
    logs = logs_of(one.medians)
    prefill, ttft = (hub.result(hub.suite.headline, name) for name in ("prefill_rate", "ttft"))
    newest = max([one.measured, *(voice.record.measured for voice in voices.inside)])
    return Summary(
        row=one.id,
        model=str(hub.model.get("name") or hub.model.get("family") or ""),
        weights=one.subject.model,
        quantisation=one.subject.quantisation,
        engine=one.subject.engine,
        runtime=one.hardware.runtime_series,
        device=one.hardware.sku,
        os=one.hardware.os_family,
        suite=" ".join(filter(None, (hub.suite.name, hub.suite.headline, settings.subject_text(hub)))),
        workload=one.subject.workload,
        state=str(scored.state),
        tier=str(scored.tier or ""),
        contested=scored.contested,
        operator=one.operator,
        source=str(one.source),
        measured=one.measured.isoformat(),
        entry=entry,
        rate=estimate.point / 1e6,
        low=None if estimate.low is None else estimate.low / 1e6,
        high=None if estimate.high is None else estimate.high / 1e6,
        ttft_ns=None if ttft is None or ttft.estimate is None else ttft.estimate.point,
        prefill=None if prefill is None or prefill.estimate is None else prefill.estimate.point / 1e6,
        processes=logs.n,
        log_mean=logs.mean,
        log_variance=logs.variance,
        fixed_number=one.fixed_number,
        inside=len(voices.people(Mark.INSIDE)),
        outside=len(voices.people(Mark.OUTSIDE)),
        independent=len(voices.people(Mark.INSIDE, Ring.INDEPENDENT)),
        pending=len(voices.pending),
        members=tuple(dict.fromkeys([one.operator, *(item.operator for item in made if item.operator)])),
        until=_until(newest, as_of).isoformat(),
        under_review=under_review,
    )


def _until(newest: date, as_of: date) -> date:
    """The first day on which `newest` is another number of whole months old."""
    day, months = as_of, months_between(newest, as_of)
    while months_between(newest, day) == months:
        day += timedelta(days=1)
    return day
