"""A copied run is found in whatever row it is laid, however much was submitted in between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.demo.records import resealed, trials_of
from harness.registry.intake.ingest import checked
from harness.registry.queries import alike
from harness.registry.queries.alike import Known, choice
from harness.registry.queries.review import dossier
from tests.support.registry_world import REAL, World, card

COPIES = {"same samples", "same order", "correlated", "too similar"}
SETUP = replace(REAL, seed=5, tokens=64)


def shifted(trials, by=1):
    """Each trial's tokens a nanosecond later than the one before: the same run in other bytes."""
    return [replace(trial, token_ns=trial.token_ns + by * np.arange(trial.token_ns.size)) for trial in trials]


def copied(small: World, name: str, **other) -> set[str]:
    """What an editor is shown of ann's run under that name, measured as something else."""
    own = checked(*resealed(small.join("ann"), SETUP, trials_of(SETUP)), "ann")
    small.submit(own)
    small.approve(own.id)
    return shown_of_copy(small, name, **other)


def shown_of_copy(small: World, name: str, **other) -> set[str]:
    copy = checked(*resealed(small.join(name), replace(SETUP, **other), shifted(trials_of(SETUP))), name)
    small.submit(copy)
    with small.registry.reading() as reader:
        return {remark.kind for remark in dossier(reader, copy.id).remarks}


@pytest.mark.parametrize(
    "other",
    [
        {"sku": card("B")},
        {"engine": "vllm"},
        {"settings": {"type_k": "q8_0"}},
        {"quantisation": "Q8_0"},
        {"sku": card("C"), "version": "0.3.1", "os": "Windows"},
    ],
)
def test_a_run_shifted_by_a_nanosecond_is_found_in_any_row(small, other):
    assert copied(small, "eve", **other) & COPIES


def test_the_junk_of_one_operator_hides_no_copy(small, monkeypatch):
    monkeypatch.setattr(alike, "MOST_COMPARED", 12)
    monkeypatch.setattr(alike, "_NEAREST", 6)
    monkeypatch.setattr(alike, "MOST_OF_ONE", 2)
    own = checked(*resealed(small.join("ann"), SETUP, trials_of(SETUP)), "ann")
    small.submit(own)
    small.approve(own.id)
    for seed in range(20):
        small.submit(small.record("junk", tokens=64, seed=1000 + seed, sku="Synthetic GPU B"))
    shown = shown_of_copy(small, "eve", sku=card("C"))
    assert shown & COPIES
    assert "not all compared" in shown


def test_an_unreadable_record_stops_no_comparison(small, monkeypatch):
    bad = small.record("bob", sku="Synthetic GPU B", tokens=64)
    small.submit(bad)
    real = alike.gaps_of

    def failing(record, samples):
        if record.operator.handle == "bob":
            raise MemoryError
        return real(record, samples)

    monkeypatch.setattr(alike, "gaps_of", failing)
    assert copied(small, "eve", sku=card("C")) & COPIES


def known(name: str, operator: str, index: int, *levels: float) -> Known:
    return Known(name, operator, index, levels)


def test_two_hundred_junk_records_of_one_operator_leave_everybody_in():
    honest = [known(f"h{number}", f"op{number}", number, 0.5 + number, 1.0) for number in range(90)]
    junk = [known(f"j{number}", "junk", 1000 + number, 0.0, 0.0) for number in range(500)]
    chosen = choice(known("own", "eve", 5000, 0.0, 0.0), [*honest, *junk])
    assert {one.id for one in honest} <= set(chosen)
    assert len(chosen) == alike.MOST_COMPARED


def test_the_original_among_hundreds_of_one_honest_operator_is_compared():
    own = known("own", "eve", 5000, -0.123, 0.123)
    many = [known(f"h{number}", "lab", number, -0.001 * number, 0.001 * number) for number in range(1000)]
    assert "h123" in choice(own, many)


def test_junk_of_hundreds_of_handles_leaves_the_earliest_in():
    honest = [known(f"h{number}", f"op{number}", number, 0.5, 1.0) for number in range(50)]
    junk = [known(f"j{number}", f"junk{number}", 1000 + number, 0.0, 0.0) for number in range(2000)]
    chosen = choice(known("own", "eve", 5000, 0.0, 0.0), [*junk, *honest])
    assert {one.id for one in honest} <= set(chosen)


def test_the_order_of_reading_changes_no_choice():
    others = [known(f"r{number}", f"op{number % 7}", number, 0.01 * (number % 31)) for number in range(700)]
    own = known("own", "eve", 900, 0.05)
    assert choice(own, others) == choice(own, others[::-1])
