"""What a fleet shows while it runs, and in its report, of jobs that are not simply measured."""

from types import SimpleNamespace

import pytest
from rich.console import Console

from harness.fleet.outcome import Ending, Outcome, Standing, Status
from harness.fleet.report import report
from harness.record.store import read
from harness.terminal import fleet_watched
from harness.terminal.fleet import on_with
from tests.support import fleet_matrices


@pytest.fixture
def plan(tmp_path):
    return fleet_matrices.planned(tmp_path, "slurm")


def standing(job, status, detail=""):
    outcome = None
    if status in (Status.MEASURED, Status.FAILED):
        ending = Ending(status.value)
        outcome = Outcome(number=job.number, node=job.node, ending=ending, reason=detail, started_utc="", job_s=1.0)
    return Standing(job, status, outcome, detail)


def test_a_row_a_node_says_what_it_does_and_what_went_wrong_last(plan):
    found = [
        standing(plan.jobs[0], Status.FAILED, "out of memory"),
        standing(plan.jobs[1], Status.RUNNING),
        standing(plan.jobs[2], Status.QUEUED, "SLURM says Drained"),
        standing(plan.jobs[3], Status.WAITING),
    ]
    assert fleet_watched.rows(found) == [
        ("n1", "1/2", f"measures {plan.jobs[1]}", "failed: out of memory"),
        ("n2", "0/2", "SLURM says Drained", ""),
    ]


def test_on_a_terminal_it_is_a_table_that_is_drawn_where_something_changed(plan, monkeypatch):
    import io

    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr(fleet_watched, "err", lambda: console)
    found = [standing(job, Status.QUEUED) for job in plan.jobs]
    with fleet_watched.watched(4) as (show, remark):
        show(found)
        drawn = len(screen.getvalue())
        show(found)
        assert len(screen.getvalue()) == drawn
        show([standing(plan.jobs[0], Status.RUNNING), *found[1:]])
        remark("SLURM is away")
    told = screen.getvalue()
    assert "n1" in told
    assert "measures m simulated" in told
    assert "0/4: 3 queued, 1 running" in told
    assert "SLURM is away" in told


def test_a_table_is_no_higher_than_a_terminal(plan):
    made = [fleet_watched.NodeRow(f"n{i}", "0/1", "", "") for i in range(100)]
    assert fleet_watched._table(made, "100 queued").row_count == fleet_watched.MOST_ROWS


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (Status.LOST, "continue with: repro fleet resume MATRIX"),
        (Status.CANCELLED, "continue with: repro fleet resume MATRIX"),
        (Status.FAILED, "try those again: repro fleet resume MATRIX --retry-failed"),
        (Status.DRAINED, "try those again: repro fleet resume MATRIX --retry-failed"),
        (Status.REFUSED, ""),
        (Status.MEASURED, ""),
    ],
)
def test_whoever_has_jobs_without_a_number_is_told_how_to_go_on(plan, left, said):
    found = [Standing(plan.jobs[0], Status.MEASURED), Standing(plan.jobs[1], left)]
    assert on_with(found).endswith(said)
    assert bool(on_with(found)) == bool(said)


TWINS = """
name = "twins"
[[triples]]
model = "/a/model.gguf"
runtime = "simulated"
suite = "/home/me/short.toml"
options = { ambient_file = "/home/me/ambient" }
[[triples]]
model = "/b/model.gguf"
runtime = "simulated"
suite = "/home/me/short.toml"
options = { ambient_file = "/home/me/ambient" }
[[triples]]
model = "/b/model.gguf"
runtime = "simulated"
suite = "/home/me/short.toml"
backend = "cpu"
"""


def test_configurations_that_words_do_not_tell_apart_have_a_row_each_and_no_folder_is_told(tmp_path):
    plan = fleet_matrices.planned(tmp_path, "slurm", TWINS)
    made = report(plan, [standing(job, Status.QUEUED) for job in plan.jobs], {}, {})
    assert [len(row.cells) for row in made.rows] == [2, 2, 2]
    texts = sorted(row.configuration.partition(" [")[0] for row in made.rows)
    assert texts == ["model.gguf simulated short.toml ambient_file=ambient"] * 2 + [
        "model.gguf simulated short.toml backend=cpu"
    ]
    assert len({row.configuration for row in made.rows}) == 3


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({}, ""),
        ({"model": {"sha256": "f" * 64}}, "weights"),
        ({"runtime": {"version": "9"}}, "engine versions"),
        ({"runtime": {"environment": {"backend": "cuda"}}}, "backends"),
        ({"harness": {"version": "9"}}, "versions of repro-harness"),
        ({"suite": {"sha256": "f" * 64}}, "suites"),
    ],
)
def test_nodes_that_measured_unlike_things_under_one_name_are_not_compared(plan, simulated_record, change, what):
    """The file was replaced meanwhile, or a node has another release: that is no node's rate."""
    record = read(simulated_record).record
    (name, parts), *_ = [*change.items(), ("model", {})]
    own = getattr(record, name)
    other = own | parts if isinstance(own, dict) else own.model_copy(update=parts)
    changed = record.model_copy(update={name: other})
    alike = [one for one in plan.jobs if one.triple.key == plan.jobs[0].triple.key]
    assert len(alike) > 1
    records = {job.number: SimpleNamespace(record=changed if job is alike[-1] else record) for job in alike}
    made = report(plan, [standing(job, Status.MEASURED) for job in alike], records, {})
    whys = {cell.why for row in made.rows for cell in row.cells}
    assert whys == {f"its records are of several {what}" if what else ""}
    assert bool(made.odd) is (not what)
    assert all((row.median is None) is bool(what) for row in made.rows)


def test_a_number_that_is_still_at_its_node_is_told_so(plan):
    found = [standing(job, Status.MEASURED) for job in plan.jobs[:1]]
    made = report(plan, found, {}, {})
    assert [cell.why for row in made.rows for cell in row.cells] == ["is not collected yet"]
