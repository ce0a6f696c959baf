"""A job on its node: fit before, measured once, still fit afterwards."""

import shutil
import threading
from contextlib import contextmanager

import pytest

from harness.catalog.machines import Machine
from harness.catalog.triples import Triple
from harness.errors import BadInput, Conflict, Interrupted, NotEnoughSpace, RunFailed, Unavailable
from harness.fleet import job as jobs
from harness.fleet import node_rules
from harness.fleet import state as states
from harness.fleet.measured import Ways
from harness.fleet.outcome import Ending, Seen
from harness.fleet.plan import Job, Plan
from harness.progress import SILENT
from harness.run.session import BUSY, alone
from tests.support import program
from tests.support.patience import PATIENCE_S

HOT = (Seen(name="other load", level="bad", what="other programs use 90 % of the cores"),)
FINE = (Seen(name="clock governor", level="warn", what="it is powersave"),)


@pytest.fixture
def state(tmp_path, request):
    def made(tolerate=(), budget_s=None, devices=0):
        machine = Machine(name="all", tolerate=tolerate, devices=devices)
        planned = tuple(
            Job(
                number=n,
                machine="all",
                node=f"test-{request.node.name[:30]}",
                repeat=0,
                triple=Triple(model="m", runtime="simulated"),
            )
            for n in range(3)
        )
        plan = Plan(
            id="x", matrix="m", title="m", sha256="0" * 64, executor="local", seed=0, machines=(machine,), jobs=planned,
            budget_s=budget_s,
        )  # fmt: skip
        return states.create(tmp_path / "state", plan)

    return made


@pytest.fixture
def measure(simulated_record):
    """Puts a real record where the run would."""
    calls = []

    def bench(request, _progress):
        calls.append(request)
        target = request.results / simulated_record.parent.name
        shutil.copytree(simulated_record.parent, target)
        return target / "record.json"

    bench.calls = calls
    return bench


def fine(_cache, _gpu):
    return FINE


def test_a_job_measures_once_however_often_it_is_started(state, measure):
    made = state()
    for _ in range(3):
        assert jobs.run_job(made, 0, "test", ways=Ways(bench=measure), examine=fine)
    assert len(measure.calls) == 1
    outcome = made.outcome(0)
    assert (outcome.ending, outcome.attempts, outcome.before, outcome.after) == (Ending.MEASURED, 1, FINE, FINE)
    assert (made.results(0) / outcome.record / "record.json").exists()


def test_two_at_once_measure_once(state, measure):
    made = state()
    begun, go = threading.Event(), threading.Event()

    def slow(request, progress):
        begun.set()
        assert go.wait(PATIENCE_S)
        return measure(request, progress)

    first = threading.Thread(
        target=jobs.run_job, args=(made, 0, "one"), kwargs={"ways": Ways(bench=slow), "examine": fine}
    )
    first.start()
    assert begun.wait(PATIENCE_S)
    second = threading.Thread(
        target=jobs.run_job, args=(made, 0, "two"), kwargs={"ways": Ways(bench=slow), "examine": fine}
    )
    second.start()
    go.set()
    first.join(PATIENCE_S)
    second.join(PATIENCE_S)
    assert len(measure.calls) == 1


def test_a_record_that_was_written_before_the_kill_is_taken_and_not_measured_again(state, measure, simulated_record):
    made = state()
    made.begin_attempt(0, "killed")
    folder = program.copied(simulated_record.parent, made.results(0) / simulated_record.parent.name)
    seed = made.plan.run_seed(made.plan.jobs[0])
    program.edited(folder, lambda predicate: predicate["run"].update(seed=seed))
    assert jobs.run_job(made, 0, "test", ways=Ways(bench=measure), examine=fine)
    assert not measure.calls
    assert made.outcome(0).record == simulated_record.parent.name


def test_a_record_that_is_not_the_jobs_spares_no_measurement(state, measure, simulated_record):
    made = state()
    shutil.copytree(simulated_record.parent, made.results(0) / "20260101T000000Z_older")
    assert jobs.run_job(made, 0, "test", ways=Ways(bench=measure), examine=fine)
    assert len(measure.calls) == 1
    assert made.outcome(0).record == simulated_record.parent.name


@pytest.mark.parametrize("data", [b"", b"{", b"\xff" * 100])
def test_a_record_that_can_not_be_read_is_as_good_as_none(state, measure, data):
    made = state()
    broken = made.results(0) / "20260101T000000Z_broken"
    broken.mkdir(parents=True)
    (broken / "record.json").write_bytes(data)
    assert jobs.run_job(made, 0, "test", ways=Ways(bench=measure), examine=fine)
    assert len(measure.calls) == 1
    assert made.outcome(0).ending is Ending.MEASURED


def test_a_node_is_looked_at_once_nobody_else_measures_there(state, measure, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "repro-harness").mkdir()
    held, looks = threading.Event(), []
    monkeypatch.setattr(node_rules, "examined", lambda _cache, *, gpu: looks.append(held.is_set()) or FINE)
    made = state()
    with alone(SILENT):
        job = threading.Thread(target=jobs.run_job, args=(made, 0, "test"), kwargs={"ways": Ways(bench=measure)})
        job.start()
        job.join(0.5)
        assert job.is_alive()
        held.set()
    job.join(PATIENCE_S)
    assert looks == [True, True]


def test_what_a_job_waits_for_another_fleet_is_not_its_time(state, measure, monkeypatch):
    made, now = state(), [100.0]

    @contextmanager
    def held_alone(path, _busy):
        now[0] += 3600.0 if path.suffix == ".lock" and "repro-harness" in path.name else 0.0
        yield

    monkeypatch.setattr(jobs, "held_alone", held_alone)
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now[0])
    assert jobs.run_job(made, 0, "test", ways=Ways(bench=measure), examine=fine)
    assert made.outcome(0).job_s == 0.0


def test_what_a_job_waits_for_a_run_beside_the_fleet_is_not_its_time(state, measure, monkeypatch):
    made, now, waits = state(), [100.0], [3600.0]
    monkeypatch.setattr(
        jobs, "_wait_until_nobody_measures", lambda: now.append(now[-1] + (waits.pop() if waits else 0.0))
    )
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now[-1])
    monkeypatch.setattr(node_rules, "examined", lambda _cache, *, gpu: FINE)
    assert jobs.run_job(made, 0, "test", ways=Ways(bench=measure))
    assert (now[-1], made.outcome(0).job_s) == (3700.0, 0.0)


def test_a_node_that_fails_its_checks_is_drained_and_measures_nothing_more(state, measure):
    made = state()
    assert jobs.run_job(made, 0, "test", ways=Ways(bench=measure), examine=lambda *_: HOT)
    assert jobs.run_job(made, 1, "test", ways=Ways(bench=measure), examine=fine)
    assert not measure.calls
    assert [made.outcome(n).ending for n in (0, 1)] == [Ending.DRAINED] * 2
    assert "90 %" in made.outcome(1).reason


def test_what_the_matrix_tolerates_takes_no_node_out_and_is_kept(state, measure):
    made = state(tolerate=("other load",))
    assert jobs.run_job(made, 0, "test", ways=Ways(bench=measure), examine=lambda *_: HOT)
    assert made.outcome(0).ending is Ending.MEASURED
    assert made.outcome(0).before == HOT
    assert not made.drained()


def test_a_node_that_fails_afterwards_keeps_its_record_with_the_reason(state, measure):
    made = state()
    looks = iter([FINE, HOT])
    assert jobs.run_job(made, 0, "test", ways=Ways(bench=measure), examine=lambda *_: next(looks))
    assert made.outcome(0).ending is Ending.MEASURED
    assert "90 %" in made.outcome(0).spoilt
    assert jobs.run_job(made, 1, "test", ways=Ways(bench=measure), examine=fine)
    assert made.outcome(1).ending is Ending.DRAINED


def test_a_job_that_is_stopped_is_not_over(state, measure):
    made = state()

    def stopped(_request, _progress):
        raise Interrupted("Stopped")

    with pytest.raises(Interrupted):
        jobs.run_job(made, 0, "test", ways=Ways(bench=stopped), examine=fine)
    assert made.outcome(0) is None
    assert jobs.run_job(made, 0, "test", ways=Ways(bench=measure), examine=fine)
    assert made.outcome(0).attempts == 2


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (BadInput("no such file"), Ending.REFUSED),
        (RunFailed("the worker died"), Ending.FAILED),
        (
            NotEnoughSpace("64 MiB are needed and 0 MiB are free"),
            Ending.FAILED,
        ),  # both pass: resume --retry-failed is told
        (Unavailable("the connection broke"), Ending.FAILED),
    ],
)
def test_what_goes_wrong_ends_the_job_with_its_line(state, error, ending):
    made = state()

    def fails(_request, _progress):
        raise error

    assert jobs.run_job(made, 0, "test", ways=Ways(bench=fails), examine=fine)
    assert (made.outcome(0).ending, made.outcome(0).reason) == (ending, str(error))


def test_a_job_waits_for_whoever_else_measures_on_the_node(state, measure):
    made, answers = state(), iter([Conflict(BUSY, where="lock"), Conflict(BUSY, where="lock"), None])

    def busy(request, progress):
        if error := next(answers):
            raise error
        return measure(request, progress)

    assert jobs.run_job(made, 0, "test", ways=Ways(bench=busy), examine=fine)
    assert made.outcome(0).ending is Ending.MEASURED


@pytest.mark.parametrize("options", [{"LD_PRELOAD": "x"}, {"step_us": "$(id)"}])
def test_options_that_no_matrix_may_have_are_refused_on_the_node_too(state, measure, options):
    made = state()
    plan = made.plan.model_dump()
    plan["jobs"][0]["triple"]["options"] = options
    edited = states.State(made.folder, Plan.model_validate(plan))
    assert jobs.run_job(edited, 0, "test", ways=Ways(bench=measure), examine=fine)
    assert not measure.calls
    assert made.outcome(0).ending is Ending.REFUSED


def test_a_cancelled_fleet_begins_nothing(state, measure):
    made = state()
    made.cancel()
    assert not jobs.run_job(made, 0, "test", ways=Ways(bench=measure), examine=fine)
    assert made.outcome(0) is None
    assert not measure.calls


def test_the_budget_of_all_nodes_ends_the_fleet(state, measure):
    made = state(budget_s=1)
    assert jobs.run_job(made, 0, "test", ways=Ways(bench=measure), examine=fine)
    made.reopen(0)
    made.conclude(_slow(0, made.plan.jobs[0].node))
    assert jobs.run_job(made, 1, "test", ways=Ways(bench=measure), examine=fine)
    assert made.outcome(1).ending is Ending.LEFT_OUT


def _slow(number, node):
    from harness.fleet.outcome import Outcome

    return Outcome(number=number, node=node, ending=Ending.MEASURED, started_utc="2026-01-01T00:00:00Z", job_s=2.0)


def test_a_job_that_is_cut_off_again_and_again_is_given_up(state, measure):
    made = state()
    for _ in range(jobs.MOST_ATTEMPTS):
        made.begin_attempt(0, "pre-empted")
    assert jobs.run_job(made, 0, "test", ways=Ways(bench=measure), examine=fine)
    assert made.outcome(0).code == "cut_off"


@pytest.mark.parametrize(
    ("devices", "environment", "shown", "within"),
    [
        (1, {"CUDA_VISIBLE_DEVICES": "0,1"}, "0", "0"),
        (1, {"CUDA_VISIBLE_DEVICES": "2,3"}, "2", "0"),
        (2, {"SLURM_JOB_GPUS": "4,5,6"}, "4,5", "0,1"),
        (2, {}, "0,1", "0,1"),
        (1, {"CUDA_VISIBLE_DEVICES": "GPU-aa,GPU-bb"}, "GPU-aa", "0"),
        (1, {"ZE_AFFINITY_MASK": "3,2"}, "3", "0"),
    ],
)
def test_an_engine_is_shown_its_devices_alone(devices, environment, shown, within):
    found = node_rules.bound(devices, environment)
    assert (found["CUDA_VISIBLE_DEVICES"], found["ROCR_VISIBLE_DEVICES"]) == (shown, shown)
    # HIP counts within ROCr's list, SYCL within Level Zero's mask; Vulkan's first ones are always there.
    assert (found["HIP_VISIBLE_DEVICES"], found["GGML_VK_VISIBLE_DEVICES"]) == (within, within)
    assert found["ONEAPI_DEVICE_SELECTOR"] == ";".join(f"level_zero:{place}" for place in within.split(","))
    assert found.get("ZE_AFFINITY_MASK") == (None if shown.startswith("GPU") else shown)


def test_fewer_devices_than_a_job_needs_end_it_before_it_measures(state, measure, monkeypatch):
    """A run on one GPU is not the one on two that the matrix asks for."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    made = state(devices=2)
    assert jobs.run_job(made, 0, "test", ways=Ways(bench=measure), examine=fine)
    outcome = made.outcome(0)
    assert (outcome.ending, measure.calls) == (Ending.REFUSED, [])
    assert "needs 2 GPUs, and 3 is all that it may use" in outcome.reason


def test_where_rocr_alone_grants_no_variable_filters_twice():
    found = node_rules.bound(1, {"ROCR_VISIBLE_DEVICES": "2,3"})
    assert [found[name] for name in ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")] == [
        "2",
        "0",
        "0",
    ]


def test_none_are_shown_where_a_class_says_so_and_nothing_is_changed_where_it_says_nothing():
    granted = {"CUDA_VISIBLE_DEVICES": "0,1"}
    assert node_rules.bound(None, granted) == {}
    hidden = node_rules.bound(0, granted)
    assert set(hidden) == set(node_rules.bound(1, granted)) - {"ZE_AFFINITY_MASK"}
    assert hidden["GGML_VK_VISIBLE_DEVICES"] == ""  # a number that is no device ends ggml's Vulkan
    assert {hidden[name] for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")} == {"-1"}
