"""`repro fleet` on this machine: plan, run, status, cancel, resume, collect; and what kill -9 leaves."""

import json
import signal

import pytest

from harness.record import store
from tests.e2e.conftest import INTERRUPT, refused
from tests.support import fleet_matrices
from tests.support.fleet_kills import attempts, distinct_records, kill_often
from tests.support.patience import PATIENCE_S, until

PROCESSES = ".fleet/*/jobs/*/results/.partial/*/process-*"


@pytest.fixture
def matrix(repro, tiny):
    def written(steps, more="", **parts):
        path = repro.folder / "matrix.toml"
        path.write_text(fleet_matrices.text(tiny, steps, **parts) + more)
        return path

    return written


def jobs_of(done):
    return json.loads(done.stdout)["jobs"]


def test_a_fleet_of_one_machine_from_plan_to_records(repro, matrix):
    path = matrix([100, 200])
    shown = repro("fleet", "plan", path)
    assert shown.returncode == 0, shown.stderr
    assert "2 jobs on 1 node; 2 without an earlier record" in shown.stdout
    assert not repro.results.exists() or not list(repro.results.iterdir())
    done = repro("fleet", "run", path, "--json")
    assert done.returncode in (0, 4), done.stderr
    jobs = jobs_of(done)
    assert [job["status"] for job in jobs] == ["measured"] * 2
    assert sorted(job["record"] for job in jobs) == [f"results/{one.parent.name}" for one in repro.records()]
    assert all(job["outcome"]["before"] is not None for job in jobs)
    for record in repro.records():
        assert repro("recompute", record).returncode == 0
    # What it took stands in the next plan; collecting again changes nothing; the same matrix may be measured again.
    assert "without an earlier" not in repro("fleet", "plan", path).stdout
    before = [one.stat().st_mtime_ns for one in repro.records()]
    assert repro("fleet", "collect", path).returncode in (0, 4)
    assert [one.stat().st_mtime_ns for one in repro.records()] == before
    again = repro("fleet", "run", path)
    assert again.returncode in (0, 4), again.stderr
    assert len(repro.records()) == 4


@pytest.mark.alone
def test_a_job_costs_no_more_than_three_seconds_beyond_its_run(repro, matrix):
    """The bar of docs/measurements/fleet.md, here of the better of two jobs."""
    jobs = jobs_of(repro("fleet", "run", matrix([100, 200]), "--json"))
    assert [job["status"] for job in jobs] == ["measured"] * 2
    assert min(job["outcome"]["job_s"] - job["outcome"]["run_s"] for job in jobs) <= 3.0


def test_a_pair_takes_turns_and_a_kill_in_its_middle_loses_nothing(repro, matrix):
    sides = "processes = 3\na = { options = { step_us = 4000 } }\nb = { options = { step_us = 8000 } }"
    path = matrix([], pair=sides)
    running = repro.start("fleet", "run", path)
    until(lambda: len(list(repro.results.glob(PROCESSES))) >= 3, "a third process")
    for one in children_of(repro):
        one.send_signal(signal.SIGKILL)
    running.communicate(timeout=PATIENCE_S)
    done = repro("fleet", "resume", path, "--json")
    assert [job["status"] for job in jobs_of(done)] == ["measured"] * 2, done.stderr
    a, b = (store.read(repro.folder / job["record"]).record for job in jobs_of(done))
    assert (a.run.experiment.id, a.run.experiment.name) == (b.run.experiment.id, "steps")
    assert [one.run.experiment.member for one in (a, b)] == [0, 1]
    assert [len(one.processes) for one in (a, b)] == [3, 3]
    report = json.loads(repro("fleet", "report", path, "--json").stdout)
    decode = next(one for one in report["pairs"] if one["metric"] == "decode_rate")
    if all(check.status != "fail" for one in (a, b) for check in one.checks):  # a busy machine may spoil one
        assert 0.35 < decode["ratio"] < 0.8
    assert decode["nodes"][0]["why"] in ("", "its processes took no turns") or "failed" in decode["nodes"][0]["why"]
    assert "steps" in repro("fleet", "report", path).stdout


def test_one_that_fails_and_one_that_can_not_run_stop_nobody(repro, matrix):
    path = matrix(
        [100],
        '[[triples]]\nmodel = "{}"\nruntime = "simulated"\nsuite = "{}"\noptions = {{ {} }}\n'.format(
            repro.folder / "tiny.gguf", fleet_matrices.SMALL, 'fault = "load-error"'
        ),
    )
    done = repro("fleet", "run", path, "--json")
    assert done.returncode == 3, done.stderr
    found = {job["status"]: job for job in jobs_of(done)}
    assert set(found) == {"measured", "failed"}
    assert found["failed"]["record"] is not None  # the failure is a result
    assert found["failed"]["outcome"]["code"]
    retried = repro("fleet", "resume", path, "--retry-failed")
    assert "1 job handed over" in retried.stderr
    assert attempts(repro).count(1) == 1 or attempts(repro) == [2, 1] or attempts(repro) == [1, 2]


def test_ctrl_c_stops_the_jobs_and_resume_continues_them(repro, matrix):
    path = matrix([40000])
    running = repro.start("fleet", "run", path)
    until(lambda: list(repro.results.glob(f"{PROCESSES}.frames")), "the first process")
    running.send_signal(INTERRUPT)
    _, told = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 130, told
    assert "repro fleet resume" in told
    assert [job["status"] for job in jobs_of(repro("fleet", "status", path, "--json"))] == ["cancelled"]
    assert "was started already" in refused(repro("fleet", "run", path))
    done = repro("fleet", "resume", path, "--json")
    assert [job["status"] for job in jobs_of(done)] == ["measured"], done.stderr
    assert attempts(repro) == [2]
    assert len(repro.records()) == 1


def test_a_killed_job_is_lost_and_resume_continues_it(repro, matrix):
    path = matrix([40000])
    begun = repro("fleet", "run", path, "--detach", "--json")
    assert (begun.returncode, [job["status"] for job in jobs_of(begun)]) in ((0, ["queued"]), (0, ["running"]))
    until(lambda: list(repro.results.glob(f"{PROCESSES}.frames")), "the first process")
    for one in children_of(repro):
        one.send_signal(signal.SIGKILL)
    until(lambda: not children_of(repro), "its processes are gone")
    found = jobs_of(repro("fleet", "status", path, "--json"))
    assert [job["status"] for job in found] == ["lost"]
    done = repro("fleet", "resume", path, "--json")
    assert [job["status"] for job in jobs_of(done)] == ["measured"], done.stderr
    assert len(repro.records()) == 1


def children_of(repro):
    """The processes of this fleet alone, by the folder in their command lines."""
    import psutil

    mark = str(repro.results / ".fleet")
    return [one for one in psutil.process_iter(["cmdline"]) if any(mark in word for word in one.info["cmdline"] or ())]


def test_kill_9_of_repro_fleet_at_random_points_loses_and_doubles_nothing(repro, matrix):
    path = matrix([100, 150, 200, 250])
    killed = kill_often(repro, path, 30, seed=4, longest_s=1.5)
    done = repro("fleet", "resume", path, "--json")
    assert killed >= 15
    assert [job["status"] for job in jobs_of(done)] == ["measured"] * 4, done.stderr
    assert attempts(repro) == [1] * 4  # nobody killed a job: none was measured twice
    assert len(repro.records()) == distinct_records(repro) == 4


def test_what_can_not_be_is_refused_in_one_line(repro, matrix):
    path = matrix([100])
    assert "no executor 'ray'" in refused(repro("fleet", "plan", path, "--executor", "ray"))
    assert "no fleet of this matrix" in refused(repro("fleet", "status", path))
    assert "no fleet of this matrix" in refused(repro("fleet", "resume", path))
    assert "must be an absolute path" in refused(repro("fleet", "run", path, "--node-cache", "relative"))
    assert "is for SLURM's nodes" in refused(repro("fleet", "run", path, "--node-cache", "/scratch/%n"))
    assert "are for a fleet" in refused(repro("matrix", "run", path))
    crowd = matrix([100], "nodes = 3\n")
    assert "asks for 3 and 1 fit" in refused(repro("fleet", "run", crowd))
    budget = matrix([100])
    budget.write_text("budget_s = 1\n" + budget.read_text())
    assert not list(repro.results.glob(".fleet/*/plan.json"))
    assert not repro.records()
