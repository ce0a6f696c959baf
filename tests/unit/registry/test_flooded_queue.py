"""A queue and a registry full of hostile records: honest ones are still there, in bounded memory."""

import json

import pytest
from click.testing import CliRunner

from benchmarks import hostile
from harness.commands.review import review as review_command
from harness.errors import RecordInvalid
from harness.progress import SILENT
from harness.registry.exchange import audit, record_checks
from harness.registry.queries import queue, review, rows
from tests.support.failed_runs import submitted
from tests.support.registry_world import world

QUICK = [kind for kind in hostile.KINDS if not kind.startswith("the most") and "stamps" not in kind]


@pytest.fixture(scope="module")
def flooded(tmp_path_factory):
    """A dozen hostile records, half of them on the honest row, and one honest one in the queue."""
    place = tmp_path_factory.mktemp("flooded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hostile, "HANDLES", 4)
        patch.setattr(hostile, "KINDS", {kind: hostile.KINDS[kind] for kind in QUICK})
        return hostile.build(place / "registry", 12, 1)


def test_an_audit_names_each_hostile_record_and_no_other(flooded):
    made, waiting, row = flooded
    found = audit.audit(made.registry, None, SILENT)
    assert found.records == 14
    bad = {fault.record for fault in found.faults} - {""}
    assert len(bad) >= 9
    assert not bad & {*waiting, row}
    assert all(len(fault.what) <= record_checks.TOLD and fault.what.isprintable() for fault in found.faults)


def test_the_queue_shows_the_honest_record_among_a_dozen_hostile_ones(flooded, tmp_path, monkeypatch):
    made, waiting, _ = flooded
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    done = CliRunner().invoke(review_command, ["--registry", made.registry.target], env={"COLUMNS": "300"})
    assert done.exit_code == 0, done.output
    line = next(line for line in done.output.splitlines() if line.startswith(waiting[0][:12]))
    assert "cannot be examined" not in line
    assert "\x1b" not in done.output
    shown = CliRunner().invoke(review_command, ["show", waiting[0], "--registry", made.registry.target])
    assert shown.exit_code == 0, shown.output


def test_a_queue_longer_than_a_list_examines_shows_every_record_all_the_same(flooded, tmp_path, monkeypatch):
    made, waiting, _ = flooded
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setitem(queue.listed.__kwdefaults__, "most", 2)
    done = CliRunner().invoke(review_command, ["--registry", made.registry.target, "--json"])
    told = json.loads(done.output)
    assert len(told) == 13
    assert waiting[0] in {one["id"] for one in told}
    assert sum("not_examined" in one or "cannot_be_examined" in one for one in told) == 11


def test_a_failed_run_in_the_list_bears_its_id_as_a_record_does(tmp_path, monkeypatch):
    made = world(str(tmp_path / "registry"))
    run = submitted(made, "ann")
    waiting = made.record("ann")
    made.submit(waiting)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    done = CliRunner().invoke(review_command, ["--registry", made.registry.target, "--json"])
    assert [one["id"] for one in json.loads(done.output)] == [waiting.id, run]


def test_a_flood_by_one_handle_displaces_nobody_elses_record(tmp_path):
    made = world(str(tmp_path / "registry"))
    flood = [made.record("mal", sku=f"Synthetic GPU {letter}") for letter in "ABCDEF"]
    for one in flood:
        made.submit(one)
    good = made.record("ann", sku="Synthetic GPU G")
    made.submit(good)
    with made.registry.reading() as reader:
        waiting = review.queue(reader)
        assert review.first_examined(reader, waiting, 2) == {flood[0].id, good.id}
        assert review.first_examined(reader, waiting, 7) == set(waiting)


def test_a_line_of_the_table_that_holds_garbage_is_named_where_its_row_is_read(tmp_path):
    made = world(str(tmp_path / "registry"))
    row = made.accepted("ann")
    bad = made.accepted("bob", row=row, rate=101.0)
    with made.registry.engine.connect().execution_options(write=True) as connection, connection.begin():
        connection.exec_driver_sql("UPDATE records SET medians = 'x\x1b[8m' WHERE id = ?", (bad,))
    with (
        made.registry.reading() as reader,
        pytest.raises(RecordInvalid, match=f"no measurement of record {bad[:12]}") as caught,
    ):
        rows.read(reader, row)
    assert str(caught.value).isprintable()


def garbled(made, identity):
    with made.registry.engine.connect().execution_options(write=True) as connection, connection.begin():
        connection.exec_driver_sql("UPDATE records SET medians = 'x', measured = 'y' WHERE id = ?", (identity,))


@pytest.mark.parametrize("beside", [True, False])
def test_a_line_that_nobody_can_read_hides_no_other_record_of_its_row_or_model(tmp_path, beside):
    made = world(str(tmp_path / "registry"))
    row = made.accepted("ann")
    bad = made.record("mal", sku="GeForce RTX 4090" if beside else "Synthetic GPU A")
    good = made.record("bob", rate=101.0)
    made.submit(bad, row=row if beside else "")
    made.submit(good, row=row)
    garbled(made, bad.id)
    listed = queue.listed(made.registry)
    assert good.id in {one.id for one in listed.found if isinstance(one, review.Dossier)}
    found, _ = queue.shown(made.registry, good.id)
    assert found.place.startswith(f"reproduces {row[:12]}")
    if beside:  # the row of its own is read for nobody else
        assert [identity for identity, _ in listed.unreadable] == [bad.id]
        with pytest.raises(RecordInvalid, match="cannot be examined: the table's line of it holds no measurement"):
            queue.shown(made.registry, bad.id)


def test_an_audit_scores_what_holds_though_the_line_of_a_bad_record_is_garbage(tmp_path, monkeypatch):
    monkeypatch.setattr(
        hostile, "KINDS", {kind: hostile.KINDS[kind] for kind in ("other work", "a table that holds garbage")}
    )
    made, waiting, row = hostile.build(tmp_path / "registry", 2, 1)
    found = audit.audit(made.registry, None, SILENT)
    assert len({fault.record for fault in found.faults} - {"", *waiting, row}) == 2
    assert all(fault.record for fault in found.faults)
    assert found.rows == 2, "the honest row, and that of the honest record that waits"


@pytest.mark.parametrize(
    "sizes",
    [[1] * 200, [record_checks.CHUNK_BYTES + 1] * 3, [record_checks.CHUNK_BYTES // 3] * 10, [], [1, 9 << 20, 1]],
)
def test_what_an_audit_holds_at_a_time_is_bounded_by_bytes(sizes):
    blank = bytes(max(sizes, default=0))
    pending = [record_checks.Pending(str(i), "x", None, blank[:size], b"", False) for i, size in enumerate(sizes)]
    chunks = list(record_checks._chunks(pending))
    assert [one for chunk in chunks for one in chunk] == pending
    assert all(len(chunk) <= record_checks.CHUNK for chunk in chunks)
    assert all(
        len(chunk) == 1 or sum(len(one.envelope) for one in chunk) <= record_checks.CHUNK_BYTES for chunk in chunks
    )


def test_of_many_records_with_equal_samples_a_few_are_named_and_all_are_counted(tmp_path, monkeypatch):
    made = world(str(tmp_path / "registry"))
    monkeypatch.setattr(review, "MOST_NAMED", 2)
    found = [made.record(name, seed=7, sku=f"Synthetic GPU {letter}") for name, letter in zip(
        ("ann", "bob", "cas", "dan"), "ABCD", strict=True)]  # fmt: skip
    for one in found:
        made.submit(one)
    with made.registry.reading() as reader:
        remarks = [one for one in review.dossier(reader, found[0].id).remarks if one.kind == "same samples"]
    assert len(remarks) == 3
    assert "those of 3 records in all" in remarks[-1].text
