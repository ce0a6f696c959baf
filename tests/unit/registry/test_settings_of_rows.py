"""Settings at a registry: what changes the computation makes a row, what tunes is an axis, and the editor sees both."""

from __future__ import annotations

from datetime import datetime

import pytest
from click.testing import CliRunner

from harness.commands.regressions import regressions
from harness.errors import BadInput
from harness.progress import SILENT
from harness.registry.actions import acts
from harness.registry.actions.acts import Wish
from harness.registry.db.transaction import Item
from harness.registry.exchange import audit
from harness.registry.facts import RecordFact
from harness.registry.intake.projection import earlier_digest, subject_digest
from harness.registry.queries import dataframes
from harness.registry.queries.active_policy import in_force
from harness.registry.queries.regressions import candidates, changes
from harness.registry.queries.review import dossier
from harness.tiers.regressions import Label
from tests.support.registry_world import world

OLD, NEW = {"version": "1.0"}, {"version": "1.1", "started": datetime(2026, 11, 9, 12)}
QUANTISED = {"type_k": "q8_0", "type_v": "q8_0"}


@pytest.fixture
def small(tmp_path):
    return world(str(tmp_path / "registry"))


def found_in(one):
    with one.registry.reading() as reader:
        return changes(reader, in_force(reader).policy)


def shown(one, record):
    with one.registry.reading() as reader:
        return dossier(reader, record)


def pair(one, name, first, second, after=80.0):
    older = one.accepted(name, rate=100.0, settings=first, **OLD)
    newer = one.accepted(name, older, rate=after, settings=second, **NEW)
    return older, newer


def test_a_version_and_threads_that_change_together_are_no_candidate(small):
    pair(small, "ann", {"threads": 8}, {"threads": 1})
    assert found_in(small) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [({"batch": 2048}, {"batch": 512}), ({"flash_attn": "on"}, {"flash_attn": "off"}), ({}, {"ubatch": 64}),
     ({"flash_attn": "auto, resolution not reported"}, {"flash_attn": "on"}), ({"load_mode": "mmap"}, {"load_mode": "none"})],
)  # fmt: skip
def test_a_version_and_another_tuning_setting_are_no_candidate_either(small, first, second):
    pair(small, "ann", first, second)
    assert found_in(small) == []


def test_with_equal_settings_the_version_is_the_axis(small):
    pair(small, "ann", {"threads": 8, "flash_attn": "auto, resolution not reported"},
         {"threads": 8, "flash_attn": "auto, resolution not reported"})  # fmt: skip
    (one,) = found_in(small)
    assert (one.axis, one.before, one.after, one.label) == ("runtime", "1.0", "1.1", Label.POSSIBLE_REGRESSION)


def test_a_setting_alone_is_named_as_the_axis(small):
    older = small.accepted("ann", rate=100.0, settings={"threads": 8})
    small.accepted("ann", older, rate=60.0, settings={"threads": 1}, started=datetime(2026, 11, 9, 12))
    (one,) = found_in(small)
    assert (one.axis, one.before, one.after, one.label) == ("setting threads", "1", "8", Label.POSSIBLE_IMPROVEMENT)


@pytest.mark.parametrize(
    ("first", "second"), [({}, {"threads": 1}), ({"load_mode": "auto"}, {"load_mode": "mmap"})]
)  # fmt: skip
def test_a_setting_that_one_side_does_not_tell_is_no_axis(small, first, second):
    older = small.accepted("ann", rate=100.0, settings=first)
    small.accepted("ann", older, rate=60.0, settings=second, started=datetime(2026, 11, 9, 12))
    assert found_in(small) == []


@pytest.mark.parametrize("settings", [QUANTISED, {"speculative": True}, {"prefix_caching": True},
                                      {"gpu_layers": 10, "gpu_layers_offloaded": "10/29"}, {"unheard_of": 1}])  # fmt: skip
def test_a_record_that_computes_otherwise_opens_a_row_of_its_own(small, settings):
    row = small.accepted("ann")
    other = small.record("bob", settings=settings)
    small.submit(other)
    with small.registry.reading() as reader:
        assert reader.need(RecordFact, other.id).row == other.id
    with pytest.raises(BadInput, match="differs from the row in settings that change the computation"):
        acts.submit(small.registry, small.actor("cat"), joined(small, "cat", settings), Wish(row=row))
    again = joined(small, "dan", settings)
    small.submit(again)
    with small.registry.reading() as reader:
        assert reader.need(RecordFact, again.id).row == other.id


def joined(one, name, settings):
    one.join(name)
    return one.record(name, settings=settings)


def test_tuned_otherwise_it_reproduces_and_the_editor_is_told(small):
    row = small.accepted("ann", settings={"threads": 2, "type_k": "f16"})
    other = small.record("bob", settings={"threads": 1})
    small.submit(other)
    seen = shown(small, other.id)
    assert seen.place.startswith(f"reproduces {row[:12]}")
    assert seen.settings == ("threads 2 → 1 (tunes it), row → record",)


def test_the_editor_sees_what_makes_the_row_and_what_is_not_told(small):
    first = small.record("ann", settings=QUANTISED)
    small.submit(first)
    assert shown(small, first.id).settings == ("type_k=q8_0, type_v=q8_0 (part of the row: changes the computation)",)
    assert "type_k=q8_0" in shown(small, first.id).title
    small.approve(first.id)
    second = small.record("bob", settings=QUANTISED | {"load_mode": "auto"})
    small.submit(second)
    assert shown(small, second.id).settings[1:] == ("load_mode is not told by both: it may differ from the row's",)


def test_a_log_from_before_names_its_rows_as_they_were_named(small):
    """A record submitted when a subject held no settings: its log still holds, and new records find its row."""
    who = small.join("ann")
    assert who.handle == "ann"
    found = small.record("ann", settings=QUANTISED)
    subject = found.measured.measurement.subject
    with small.registry.reading() as reader:
        made = acts.submission(reader, small.actor("ann"), found, Wish())
        detail = {**decoded(made), "subject_sha256": earlier_digest(subject)}
        event = acts.event(reader, small.actor("ann"), "record-submitted", found.id, detail=detail)
    assert earlier_digest(subject) != subject_digest(subject)
    small.registry.append_one(Item(event.signed(small.actor("ann").keys).to_bytes(), found), acts.utc())
    small.approve(found.id)
    second = small.record("bob", settings=QUANTISED)
    small.submit(second)
    small.approve(second.id)
    plain = small.record("cat")
    small.submit(plain)
    with small.registry.reading() as reader:
        assert reader.need(RecordFact, second.id).row == found.id
        assert reader.need(RecordFact, plain.id).row == plain.id
    assert audit.audit(small.registry, None, SILENT).faults == []


def decoded(item):
    import json

    from harness.record import envelope

    return json.loads(envelope.read(item.envelope, "event").payload)["detail"]


def test_candidates_name_model_device_rows_and_records(small, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    older, newer = pair(small, "ann", {"threads": 8}, {"threads": 8})
    with small.registry.reading() as reader:
        (one,) = candidates(reader, in_force(reader).policy)
    assert one.model == "synthetic-1b"
    (seen,) = one.pairs
    assert (seen.before, seen.after, seen.before_row, seen.operator) == (older, newer, older, "ann")
    assert "GeForce RTX 4090" in seen.device
    done = CliRunner().invoke(regressions, ["--registry", small.registry.target], catch_exceptions=False)
    for text in ("possible regression: runtime 1.0 → 1.1", "synthetic-1b Q4_K_M", "GeForce RTX 4090", "ann",
                 older[:12], newer[:12], "decode-16", "never facts"):  # fmt: skip
        assert text in done.output
    assert "regressed" not in done.output


def test_dataframes_hold_the_settings(small):
    small.accepted("ann", settings=QUANTISED | {"threads": 2})
    records, rows = dataframes.records(small.registry), dataframes.rows(small.registry)
    assert "type_k=q8_0" in records["workload_key"][0]
    assert '"setting threads": "2"' in records["versions"][0]
    assert "type_k=q8_0" in rows["workload_key"][0]
