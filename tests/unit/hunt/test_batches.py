"""Two records of one batch: processes are compared in the pairs in which they took turns, or not at all."""

import pytest

from harness.hunt.batch import read_batch
from harness.record import store
from harness.record.schema import FailedProcess


@pytest.fixture
def record(simulated_record):
    return store.read(simulated_record).record


def failing(record):
    """As many processes as before, and one more that failed between them."""
    failed = (FailedProcess(index=1, reason="timeout"),)
    return record.model_copy(update={"run": record.run.model_copy(update={"failed_processes": failed})})


def test_whole_processes_are_pairs(record):
    found = read_batch(record, record, record.suite.headline, "decode_rate")
    assert (found.dropped, found.unfit, len(found.good), found.good) == ("", "", 3, found.other)


def test_a_file_that_was_replaced_between_the_sides_makes_no_pairs(record):
    other = record.model_copy(update={"model": record.model | {"sha256": "f" * 64}})
    assert read_batch(record, other, record.suite.headline, "decode_rate").dropped == "the sides measured other weights"
    assert read_batch(record, record, record.suite.headline, "decode_rate").weights == record.model["sha256"]


@pytest.mark.parametrize("both", [True, False])
def test_where_a_process_failed_the_others_are_not_taken_for_pairs(record, both):
    """With one of each lost, the counts are equal, no look comes after so many, and a hunt would never end."""
    other = failing(record)
    found = read_batch(other if both else record, other, record.suite.headline, "decode_rate")
    assert "the other: a process failed" in found.dropped


def on(record, **cpu):
    """The same on a machine that says so."""
    told = record.environment["cpu"] | {name: {"value": value} for name, value in cpu.items()}
    return record.model_copy(update={"environment": record.environment | {"cpu": told}})


def built(record, version):
    return record.model_copy(update={"runtime": record.runtime.model_copy(update={"version": version})})


def test_a_batch_that_went_on_on_another_machine_makes_no_pairs(record):
    found = read_batch(record, on(record, model="another"), record.suite.headline, "decode_rate")
    assert found.dropped == "the sides ran on two machines"


def test_pairs_of_two_machines_or_two_builds_are_not_put_together(record):
    """A list of interpreters names folders: what is in them may be built again between two batches."""

    def read(good, other):
        return read_batch(good, other, record.suite.headline, "decode_rate")

    first, elsewhere = read(record, record), on(record, model="another")
    assert first.unlike(read(record, record)) == ""
    assert "another machine" in read(elsewhere, elsewhere).unlike(first)
    for good, other in ((built(record, "2"), record), (record, built(record, "2"))):
        assert read(good, other).dropped == ""  # releases differ: that is what is hunted for
        assert read(good, other).unlike(first) == "an engine is another build than that of the first pairs"
