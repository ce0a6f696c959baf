"""One hostile record in a registry is that record's trouble: the queue, the audit and every other record go on."""

from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from harness.commands.audit import audit as audit_command
from harness.commands.review import review as review_command
from harness.demo import records
from harness.errors import RecordInvalid
from harness.measure.trial import Mode, Purpose, Trial
from harness.progress import SILENT
from harness.registry.exchange import files
from harness.registry.exchange.audit import audit
from harness.registry.intake import ingest
from harness.registry.queries import review
from harness.tiers import likeness
from harness.tiers.likeness import compare_with, compared
from tests.support import parquet_bombs as bombs
from tests.support.registry_world import REAL


@cache
def many_rows():
    return bombs.written(60_000)


@cache
def many_stamps():
    return bombs.written(1, {"token_ns": pa.array([np.full(5_000_000, 3)], pa.list_(pa.int64()))})


def aborting():
    data = bombs.written()
    found, _ = bombs.footer(data)
    bombs.chunk(found, 8)[16][1][2] = (9, (6, [1] * 9))
    return bombs.with_footer(data, found)


HOSTILE = {
    "the decoder aborts": (aborting, "makes the decoder fail"),
    "60,000 trials": (many_rows, "60000 rows, over the limits"),
    "five million equal stamps": (many_stamps, "over the limits"),
    "no Parquet at all": (lambda: b"hello", "can't be read as Parquet"),
}


def hostile(registry, monkeypatch, data, name="mal"):
    """A signed record with these samples, that got into the registry before anybody looked at them."""
    monkeypatch.setattr(records, "encode", lambda _columns: data)
    who = registry.person(name)
    envelope, samples = records.sealed(who, replace(REAL, sku=f"Synthetic GPU {name}"))
    monkeypatch.undo()
    found = ingest._opened(envelope, samples, name)[0]
    registry.submit(found)
    return found.id


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_record_is_refused_before_the_queue(registry, monkeypatch, kind):
    data, words = HOSTILE[kind][0](), HOSTILE[kind][1]
    monkeypatch.setattr(records, "encode", lambda _columns: data)
    envelope, samples = records.sealed(registry.person("mal"), REAL)
    with pytest.raises(RecordInvalid, match=words):
        ingest.checked(envelope, samples, "x")
    with pytest.raises(RecordInvalid, match=words):
        ingest.recomputed(envelope, samples, "x")


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_record_in_the_queue_hides_no_other(registry, monkeypatch, kind):
    good = registry.record("ann")
    registry.submit(good)
    bad = hostile(registry, monkeypatch, HOSTILE[kind][0]())
    with registry.registry.reading() as reader:
        assert set(review.queue(reader)) == {good.id, bad}
        assert not [r for r in review.dossier(reader, good.id).remarks if r.kind == "inconsistent"]
        told = [r.text for r in review.dossier(reader, bad).remarks if r.kind == "inconsistent"]
    assert any(HOSTILE[kind][1] in text for text in told)


@pytest.mark.parametrize("kind", HOSTILE)
def test_an_audit_names_the_hostile_record_and_holds_all_others(registry, monkeypatch, tmp_path, kind):
    registry.accepted("ann")
    bad = hostile(registry, monkeypatch, HOSTILE[kind][0]())
    registry.approve(bad)
    registry.accepted("bob", rate=101.0)
    found = audit(registry.registry, None, SILENT)
    assert {fault.record for fault in found.faults} == {bad}
    assert found.records == 3
    assert found.rows == 2, "rows are scored all the same"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    done = CliRunner().invoke(audit_command, [registry.registry.target])
    assert str(done.exception) == (
        f"{registry.registry.target}: 1 of 3 records does not hold; the log and all others do; trust no tier that rests on them"
    )


def test_what_breaks_while_it_is_examined_is_listed_as_such(small, monkeypatch, tmp_path):
    good, bad = small.record("ann"), small.record("bob", sku="Synthetic GPU B")
    small.submit(good)
    small.submit(bad)

    def break_(record):
        if record.samples.sha256 == bad.claims.samples_sha256:
            raise MemoryError("cannot allocate")
        return iter(())

    monkeypatch.setattr(review, "possible", break_)
    with small.registry.reading() as reader:
        review.dossier(reader, good.id)
        with pytest.raises(RecordInvalid, match=r"cannot be examined \(MemoryError"):
            review.dossier(reader, bad.id)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    done = CliRunner().invoke(review_command, ["--registry", small.registry.target])
    assert done.exit_code == 0, done.output
    assert f"{bad.id[:12]} cannot be examined" in done.output
    assert good.id[:12] in done.output


def trial(process, order, gaps):
    stamps = np.cumsum(gaps).astype(np.int64)
    ids = tuple(range(len(gaps)))
    return Trial(process, order, records.WORKLOAD, Purpose.TIMED, Mode.GREEDY, 8, len(gaps), 0, stamps,
                 np.zeros(0, np.int64), ids)  # fmt: skip


def test_more_trials_than_are_compared_are_told_to_the_editor(small):
    found = small.record("ann", trials=likeness.MOST_TRIALS, processes=2)
    small.submit(found)
    with small.registry.reading() as reader:
        kinds = {remark.kind for remark in review.dossier(reader, found.id).remarks}
    assert "many trials" in kinds


def test_a_copy_of_thousands_of_trials_is_found_in_bounded_memory():
    draw = np.random.default_rng(1)
    own = draw.integers(10_000_000, 11_000_000, (20_000, 64))
    assert compared(own).size <= likeness.MOST_VALUES
    found = compare_with("a", compared(own), {"b": compared(own)}, 1)
    assert [one.kind for one in found] == ["same samples"]


@pytest.mark.parametrize("shape", [(1, 1_000_000), (3, 500_000), (100_000, 2), (256, 256), (1, 1)])
def test_what_is_compared_of_any_shape_is_bounded(shape):
    gaps = np.ones(shape, np.int64)
    assert compared(gaps).size <= max(likeness.MOST_VALUES, 1)


def test_a_suites_own_shape_limits_the_trials_of_a_record(small):
    from harness.catalog import suites

    loaded = suites.load("quick")
    found = small.record("ann")
    record = found.record
    suite = record.suite.model_copy(update={"sha256": loaded.sha256})
    for rows, good in ((len(record.processes) * 14 * len(loaded.suite.workloads), True), (60_000, False)):
        samples = record.samples.model_copy(update={"rows": rows})
        changed = record.model_copy(update={"suite": suite, "samples": samples})
        if good:
            ingest._in_shape(changed, "x")
        else:
            with pytest.raises(RecordInvalid, match="60000 trials, and quick-v1 makes"):
                ingest._in_shape(changed, "x")


def test_an_export_with_a_hostile_record_is_refused_in_one_line(small, monkeypatch, tmp_path):
    hostile(small, monkeypatch, aborting())
    files.export(small.registry, tmp_path / "out", SILENT)
    with pytest.raises(RecordInvalid, match="makes the decoder fail") as caught:
        files.in_memory(tmp_path / "out")
    assert "\n" not in str(caught.value)
