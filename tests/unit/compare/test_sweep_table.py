"""A sweep's table: axes from what was asked for, each cell against the best, ties named as ties, nothing compared falsely."""

import math
import re
from dataclasses import replace

import pytest

from harness.compare.sweep import NOT_SET, Measured, Standing, of_records, table
from harness.errors import BadInput
from harness.record.schema import Finding
from harness.record.store import read
from harness.reports import sweeps
from harness.terminal import sweep

QUIET = (0.996, 1.0, 1.004)
INVALID = Finding(code="too_many_invalid", severity="invalid", workload="", metric="", text="", evidence={})
NOISY = (0.9, 1.0, 1.11)


@pytest.fixture
def cell(simulated_record):
    """Makes a record with other options, and a rate of the headline that is that many times the real one."""
    stored = read(simulated_record)
    hours = iter(range(24))

    def made(speed=1.0, spread=QUIET, model=None, machine=None, hour=None, **options):
        record, hour = stored.record, next(hours) if hour is None else hour
        runtime = record.runtime.model_copy(
            update={
                "options": record.runtime.options | options,
                "settings": record.runtime.settings | options,
            }
        )
        change = {"runtime": runtime, "results": tuple(_scaled(r, speed, spread) for r in record.results), "checks": ()}
        times = {"started_utc": f"2026-11-29T{hour:02}:00:00Z", "finished_utc": f"2026-11-29T{hour:02}:30:00Z"}
        change["run"] = record.run.model_copy(update={"stop_rule": "fixed", **times})
        change["findings"] = ()
        if model:
            change["model"] = record.model | {"sha256": model}
        if machine:
            change["environment"] = record.environment | {"cpu": {"model": {"value": machine}}}
        return replace(stored, record=record.model_copy(update=change), id=f"{options}")

    return made


def _scaled(result, speed, spread):
    metrics = []
    for metric in result.metrics:
        if metric.metric in ("decode_rate", "prefill_rate") and metric.estimate is not None:
            medians = tuple(round(100_000_000 * speed * factor) for factor in spread)
            point = round(math.exp(sum(map(math.log, medians)) / len(medians)))
            estimate = metric.estimate.model_copy(update={"process_medians": medians, "point": point})
            metrics.append(metric.model_copy(update={"estimate": estimate}))
        else:
            metrics.append(metric)
    return result.model_copy(update={"metrics": tuple(metrics)})


def test_the_axes_are_the_options_that_differ(cell):
    found = of_records([cell(1.0, threads=1, seed=3), cell(1.2, threads=2, seed=3), cell(1.1, seed=3)])
    assert [(axis.name, axis.values) for axis in found.axes] == [("threads", ("1", "2", NOT_SET))]
    assert [one.values for one in found.cells] == [("1",), ("2",), (NOT_SET,)]
    assert [(one.workload, one.metric) for one in found.series] == [
        ("decode-128", "decode_rate"),
        ("pp512@d0", "prefill_rate"),
    ]


def test_what_cannot_be_told_from_the_best_is_a_tie_and_what_is_surely_slower_is_slower(cell):
    (decode, _) = of_records([cell(1.0, threads=1), cell(0.999, threads=2), cell(0.8, threads=3)]).series
    assert [point.standing for point in decode.points] == [Standing.BEST, Standing.TIE, Standing.SLOWER]
    assert decode.best == 0
    assert decode.ties == (1,)
    assert decode.points[2].against_best.ratio == pytest.approx(0.8, rel=0.01)
    assert decode.points[0].against_best is None


def test_noise_makes_a_tie_not_a_loser(cell):
    (decode, _) = of_records([cell(1.0, NOISY, threads=1), cell(0.93, NOISY, threads=2)]).series
    assert decode.points[1].standing is Standing.TIE


def test_runs_that_took_turns_are_compared_round_by_round(cell):
    """What a round has of its own cancels: the same scatter that makes a tie of two runs that were apart."""
    (decode, _) = of_records([cell(1.0, NOISY, hour=1, threads=1), cell(0.93, NOISY, hour=1, threads=2)]).series
    assert decode.points[1].standing is Standing.SLOWER
    assert "round by round" in decode.points[1].against_best.reason


def test_two_processes_decide_nothing(cell):
    (decode, _) = of_records([cell(1.0, QUIET[:2], threads=1), cell(0.5, QUIET[:2], threads=2)]).series
    assert decode.points[1].standing is Standing.UNDECIDED


def test_a_cell_that_failed_keeps_its_place_and_has_no_point(cell):
    measured = [Measured({"threads": "1"}, cell(1.0, threads=1)), Measured({"threads": "2"}, None, "out of memory")]
    found = table(measured)
    assert found.cells[1].failure == "out of memory"
    assert found.series[0].points[1] is None


def test_a_number_that_its_record_calls_unusable_is_never_best(cell):
    bad = cell(2.0, threads=1)
    bad = replace(bad, record=bad.record.model_copy(update={"findings": (INVALID,)}))
    (decode, _) = of_records([bad, cell(1.0, threads=2)]).series
    assert [point.standing for point in decode.points] == [Standing.UNUSABLE, Standing.BEST]
    assert "too_many_invalid" in decode.points[0].why


def test_a_drawing_says_which_cells_it_leaves_out(cell):
    bad = cell(3.0, threads=1)
    bad = replace(bad, record=bad.record.model_copy(update={"findings": (INVALID,)}))
    view = sweeps.views(of_records([bad, cell(1.0, threads=2), cell(0.9, threads=3)]))[0]
    assert view.said == "The fastest measured: threads=2. Not drawn: threads=1 (unusable)."


def test_records_of_several_servers_are_no_sweep(cell):
    with pytest.raises(BadInput, match="of several servers"):
        of_records([cell(url="http://127.0.0.1:1/v1"), cell(url="http://127.0.0.1:2/v1")])


def test_a_cell_that_stands_alone_is_no_best_in_words(cell):
    one, other = Measured({"threads": "1"}, cell(1.0, threads=1)), Measured({"threads": "2"}, cell(1.2, threads=2))
    alone, both = table([one, Measured({"threads": "2"}, None, "it crashed")]), table([one, other])
    assert re.search(r"threads=1 with .*; no other cell has a number", sweep.summary(alone, alone.series[0]))
    assert sweeps.views(alone)[0].said == "threads=1. No other cell has a number that may be used."
    assert "the best is threads=2" in sweep.summary(both, both.series[0])
    assert sweeps.views(both)[0].said.startswith("The fastest measured: threads=2.")


def test_records_that_are_no_sweep_are_refused_in_one_line(cell):
    with pytest.raises(BadInput, match="two records have the same settings"):
        of_records([cell(threads=1), cell(threads=1)])
    with pytest.raises(BadInput, match=r"differ in .*model"):
        of_records([cell(threads=1), cell(threads=2, model="0" * 64)])
    with pytest.raises(BadInput, match=r"differ in .*cpu"):
        of_records([cell(threads=1), cell(threads=2, machine="another")])
    with pytest.raises(BadInput, match="two records"):
        of_records([cell(threads=1)])
    with pytest.raises(BadInput, match="no cell has a record"):
        table([Measured({"threads": "1"}, None, "failed")])


def test_the_table_is_json(cell):
    import json

    found = of_records([cell(1.0, threads=1), cell(0.9, threads=2)])
    assert json.loads(json.dumps(found.to_json()))["series"][0]["points"][1]["standing"] == "slower"


def test_a_rate_with_drafts_is_said_to_be_of_these_texts_alone(cell):
    found = of_records([cell(1.0, draft="none"), cell(1.5, draft="lookup", speculative="prompt-lookup")])
    decode, prefill = found.series
    assert [bool(point.why) for point in decode.points] == [False, True]
    assert "of these texts alone" in decode.points[1].why
    assert not any(point.why for point in prefill.points)
    assert decode.points[1].standing is Standing.BEST
