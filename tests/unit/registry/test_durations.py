"""The time that a run claims against its samples and the calendar."""

from dataclasses import replace
from datetime import datetime

import pytest

from harness.demo.records import Setup, person, resealed, sealed, trials_of
from harness.record import envelope
from harness.record.statement import record_of
from harness.registry.queries.durations import doubts

SUBMITTED = "2026-11-24T12:00:00Z"
SHORT = Setup(synthetic=False)  # its trials take about four seconds a process


def record(started, finished, trials=None):
    data, samples = sealed(person("ann"), SHORT) if trials is None else resealed(person("ann"), SHORT, trials)
    found = record_of(envelope.read(data, "x").payload, "x")[0]
    run = found.run.model_copy(update={"started_utc": started, "finished_utc": finished})
    return found.model_copy(update={"run": run}), samples


@pytest.mark.parametrize(
    ("started", "finished", "said"),
    [
        ("2026-11-20T12:00:00Z", "2026-11-20T12:05:00Z", []),
        ("2026-11-20T12:00:00Z", "2026-11-20T12:45:00Z", []),
        (
            "2019-11-20T12:00:00Z",
            "2026-11-20T12:05:00Z",
            ["before this program existed", "claims to have lasted 2557 days"],
        ),
        ("2026-11-10T12:00:00Z", "2026-11-20T12:00:00Z", ["claims to have lasted 10 days"]),
        (
            "2026-11-20T12:00:00Z",
            "2026-11-20T12:00:00Z",
            ["its samples take 21 s, and the run claims to have lasted 0 s"],
        ),
        (
            "2026-11-20T12:00:00Z",
            "2026-11-20T12:00:10Z",
            ["its samples take 21 s, and the run claims to have lasted 10 s"],
        ),
        ("2026-11-20T12:05:00Z", "2026-11-20T12:00:00Z", ["claims to end 5 minutes before it began"]),
        ("2026-12-24T12:00:00Z", "2026-12-24T12:05:00Z", ["begin 30 days after it was submitted", "end 30 days after"]),
        ("2025-01-01T12:00:00Z", "2025-01-01T12:05:00Z", ["begin on 2025-01-01, before this program existed"]),
    ],
)
def test_a_claimed_time_that_cant_be_is_said(started, finished, said):
    found = list(doubts(*record(started, finished), SUBMITTED))
    assert len(found) == len(said), found
    assert all(text in sentence for text, sentence in zip(said, found, strict=True))


def test_a_minute_of_samples_in_no_time_at_all_is_said():
    trials = [
        replace(trial, start_ns=trial.order * 20_000_000_000)
        for trial in trials_of(replace(SHORT, trials=4, processes=1))
    ]
    moment = "2026-11-20T12:00:00Z"
    (said,) = doubts(*record(moment, moment, trials), SUBMITTED)
    assert said == "its samples take 60 s, and the run claims to have lasted 0 s"


def test_an_editor_reads_it(small):
    from harness.registry.queries.review import dossier

    found = small.record("ann", started=datetime(2019, 11, 1, 12))
    small.submit(found)
    with small.registry.reading() as reader:
        remarks = dossier(reader, found.id).remarks
    assert any(one.kind == "claimed time" and "before this program existed" in one.text for one in remarks)
