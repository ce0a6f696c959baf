"""What an editor is shown: each thing to look at, by a record that has it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from harness.demo.records import sealed
from harness.errors import BadInput
from harness.progress import SILENT
from harness.registry.db import device_digests
from harness.registry.exchange import files
from harness.registry.facts import RecordFact
from harness.registry.queries import rows
from harness.registry.queries.active_policy import in_force
from harness.registry.queries.preview import falls
from harness.registry.queries.review import Dossier, dossier, queue
from tests.support.device_notes import noted
from tests.support.registry_world import REAL, World

DAY = date(2026, 11, 24)


def shown(world: World, record: str) -> Dossier:
    with world.registry.reading() as reader:
        return dossier(reader, record)


def kinds(world: World, record: str) -> set[str]:
    return {remark.kind for remark in shown(world, record).remarks}


def state(world: World, row: str) -> tuple[str, str]:
    with world.registry.reading() as reader:
        _, score = rows.score_row(reader, row, in_force(reader).policy, DAY)
    return str(score.state), str(score.tier)


def test_the_queue_is_oldest_first_and_empties(small):
    first, second = small.record("ann"), small.record("bob", sku="Synthetic GPU B")
    small.submit(first)
    small.submit(second)
    with small.registry.reading() as reader:
        assert queue(reader) == [first.id, second.id]
    small.approve(first.id)
    with small.registry.reading() as reader:
        assert queue(reader) == [second.id]


def test_a_plain_record_gives_little_to_look_at(small):
    found = small.record("ann")
    small.submit(found)
    assert kinds(small, found.id) <= {"odd samples", "finding", "no device note"}


def test_what_is_missing_or_fails_is_said(small):
    failed = small.record("ann", failed=("physics",))
    small.submit(failed)
    assert "inconsistent" in kinds(small, failed.id)
    unknown = small.record("bob", driver="", sku="Synthetic GPU B")
    small.submit(unknown)
    assert any("driver" in remark.text for remark in shown(small, unknown.id).remarks if remark.kind == "incomplete")


def test_an_impossible_rate_is_shown_with_the_numbers(small):
    fast = small.record("ann", sku="NVIDIA GeForce RTX 4060", rate=900.0)
    small.submit(fast)
    (remark,) = [r for r in shown(small, fast.id).remarks if r.kind == "impossible"]
    assert "the memory of GeForce RTX 4060 allows" in remark.text
    assert "453.3" in remark.text
    honest = small.record("bob", sku="NVIDIA GeForce RTX 4090", rate=900.0)
    small.submit(honest)
    assert "impossible" not in kinds(small, honest.id)


def test_a_copied_sample_is_shown(small):
    row = small.accepted("ann")
    setup = replace(REAL, seed=77)
    from harness.registry.intake.ingest import checked

    for name in ("bob", "cat"):
        small.submit(checked(*sealed(small.join(name), setup), name))
    with small.registry.reading() as reader:
        last = queue(reader)[-1]
    assert "same samples" in kinds(small, last)
    assert row[:12] in shown(small, last).place


def test_a_copy_in_other_bytes_is_shown(small):
    """The victim's trials in another order, in a file of other bytes: what a thief would do first."""
    from harness.demo.records import resealed, trials_of
    from harness.registry.intake.ingest import checked

    setup = replace(REAL, seed=5, tokens=64, processes=5)
    first = checked(*sealed(small.join("ann"), setup), "ann")
    small.submit(first)
    small.approve(first.id)
    turned = [replace(t, process=4 - t.process) for t in trials_of(setup)]
    copy = checked(*resealed(small.join("eve"), setup, turned), "eve")
    assert copy.record.samples.sha256 != first.record.samples.sha256
    small.submit(copy)
    assert kinds(small, copy.id) & {"same samples", "same order", "correlated"}


def test_a_left_out_run_is_shown(small):
    first = small.record("ann", number=1)
    small.submit(first)
    second = small.record("ann", number=2, previous=first.id, rate=101.0)
    small.submit(second)
    assert "gap in the runs" not in kinds(small, second.id)
    fourth = small.record("ann", number=4, previous="3" * 64, rate=103.0)
    small.submit(fourth)
    assert "gap in the runs" in kinds(small, fourth.id)
    again = small.record("ann", number=1, rate=105.0)
    small.submit(again)
    assert "gap in the runs" in kinds(small, again.id)


def test_one_person_with_twenty_handles_counts_once(small):
    row = small.accepted("ann")
    for number in range(20):
        small.accepted(f"sock{number}", rate=100 + number / 10, rig="sock0")
    assert state(small, row) == ("reproduced", "moderate")
    assert "shared rig" in kinds(small, small_last(small))


def small_last(world: World) -> str:
    with world.registry.reading() as reader:
        facts = reader.all(RecordFact)
    return max(facts, key=lambda name: facts[name].index)


def test_four_independent_operators_reach_very_high(small):
    row = small.accepted("ann")
    for name, sku in (("bob", "B"), ("cat", "C"), ("dan", "D"), ("eve", "E")):
        small.accepted(name, row=row, sku=f"Synthetic GPU {sku}")
    assert state(small, row) == ("independently-reproduced", "very-high")


def test_one_device_under_two_rig_keys_is_flagged_and_tied_by_an_editor(small, tmp_path):
    row = small.accepted("ann")
    ids = []
    for name, rate in (("bob", 100.5), ("cat", 101.0)):
        found, note = noted(small, name, ["GPU-5f3c-canary"], rate=rate)
        small.submit(found)
        small.approve(found.id)
        device_digests.note(small.registry, found, note)
        ids.append(found.id)
    assert "same device" in kinds(small, ids[0])
    with small.registry.reading() as reader:
        assert len(set(rows.people(reader, ["bob", "cat"]).values())) == 2
    small.act(small.editor(), "operators-tied", "bob", reason="one device", detail={"other": "cat"})
    with small.registry.reading() as reader:
        assert len(set(rows.people(reader, ["bob", "cat"]).values())) == 1
        assert len({rows.people(reader)[name] for name in ("bob", "cat")}) == 1
    assert state(small, row)[0] == "reproduced"
    files.export(small.registry, tmp_path / "out", SILENT)
    assert not [p for p in (tmp_path / "out").rglob("*") if p.is_file() and b"canary" in p.read_bytes()]


def test_a_newcomer_on_a_known_rig_is_foreseen_as_the_same_person(small):
    row = small.accepted("ann")
    sock = small.record("sock", rig="ann", rate=100.4)
    with small.registry.reading() as reader:
        fall = falls(reader, row, sock.measured.measurement, in_force(reader).policy, DAY)
    assert "by the operator who opened this row" in fall.text
    assert fall.effect.startswith("stays")


def test_where_a_run_falls_is_said_beforehand(small):
    row = small.accepted("ann")
    for name, rate, sku, words in (
        ("bob", 101.0, "Synthetic GPU A", ("community ring", "inside", "→ reproduced, moderate")),
        ("cat", 60.0, "Synthetic GPU A", ("outside", "stays approved-public")),
        ("dan", 109.9, "Synthetic GPU A", ("inconclusive", "stays")),
        ("eve", 99.0, "Synthetic GPU E", ("independent ring (differs in device)", "inside")),
    ):
        found = small.record(name, rate=rate, sku=sku, scatter=0.01 if name == "dan" else 0.004)
        with small.registry.reading() as reader:
            fall = falls(reader, row, found.measured.measurement, in_force(reader).policy, DAY)
        for word in words:
            assert word in f"{fall.text} {fall.effect}", (name, fall)


def test_an_export_with_links_and_foreign_names_is_refused(small, tmp_path):
    small.submit(small.record("ann"))
    out = tmp_path / "out"
    files.export(small.registry, out, SILENT)
    with small.registry.reading() as reader:
        first = reader.entry(0)
    event = out / "events" / f"{first.envelope_sha256}.json"
    (tmp_path / "elsewhere").write_bytes(event.read_bytes())
    event.unlink()
    event.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="is a link"):
        files.in_memory(out)


def test_a_takedown_leaves_the_same_samples_of_another_record(small):
    from harness.registry.intake.ingest import checked

    first = small.accepted("ann", seed=77)
    copy = checked(*sealed(small.join("eve"), replace(REAL, seed=77)), "eve")
    small.submit(copy)
    small.act(small.editor(), "record-rejected", copy.id, reason="copied")
    small.act(small.editor(), "body-dropped", copy.id, reason="names somebody")
    with small.registry.reading() as reader:
        assert reader.body(reader.need(RecordFact, first).samples_sha256) is not None
        assert reader.body(reader.need(RecordFact, copy.id).envelope_sha256) is None
    from harness.registry.exchange.audit import audit

    assert not audit(small.registry, None, SILENT).faults


def test_a_series_is_known_as_long_as_an_accepted_record_has_run_it(small):
    row = small.accepted("ann", version="0.3.36")
    liar = small.accepted("eve", version="99.1", sku="Synthetic GPU E")
    small.accepted("bob", version="98.1", sku="Synthetic GPU F")
    with small.registry.reading() as reader:
        assert rows.read(reader, row).hub.series_behind == 0, "one person's word makes nobody's measurement old"
    small.accepted("cat", version="99.1", sku="Synthetic GPU G")
    small.accepted("dan", version="98.1", sku="Synthetic GPU H")
    with small.registry.reading() as reader:
        assert rows.read(reader, row).hub.series_behind == 2
    small.act(small.editor(), "record-rejected", liar, reason="no such version")
    with small.registry.reading() as reader:
        assert rows.read(reader, row).hub.series_behind == 1
