"""What becomes of a worker that misbehaves: each fault is real, in a real child process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from harness import errors
from harness.measure.workload import WorkloadPlan
from harness.run.execute import bundle, launcher
from harness.worker.frames import trial_from
from harness.worker.plan import Plan
from tests.support.patience import PATIENCE_S

WORKLOADS = (WorkloadPlan("w", "greedy", (1, 2, 3), 8), WorkloadPlan("tg", "forced", (), 4, (1, 2, 3, 4)))


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    folder, _ = bundle.make(cache)
    return launcher.Interpreter(Path(sys.executable), folder, cache / "home")


def run(interpreter, deadlines=None, **options):
    plan = Plan("simulated", "/none", "gguf", {"step_us": 50, "prefill_us": 1, **options}, workloads=WORKLOADS, seed=1)
    frames = []
    ended = launcher.run_worker(interpreter, plan, deadlines or launcher.Deadlines(), frames.append)
    return ended, frames


def test_a_plan_is_carried_out_in_full(interpreter):
    ended, frames = run(interpreter)
    assert ended.error is None
    trials = [trial_from(f) for f in frames if f.kind == "trial"]
    assert [f.kind for f in frames if f.kind != "trial"] == [
        "hello",
        "loading",
        "loaded",
        "clock",
        "warm",
        "clocks",
        "end",
    ]
    assert sum(t.purpose == "timed" for t in trials) == 6
    assert sum(t.purpose == "warmup" for t in trials) >= 4
    assert all(t.valid for t in trials)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("crash", errors.RunFailed, "killed by SIGABRT"),
        ("kill", errors.RunFailed, "killed by SIGKILL (out of memory?)"),
        ("garbage", errors.RunFailed, "pipe carries garbage"),
        ("no-memory", errors.NotEnoughSpace, "out of memory"),
        ("load-error", errors.NotEnoughSpace, "out of memory while loading"),
    ],
)
def test_a_worker_that_dies_is_named_and_its_trials_are_kept(interpreter, fault, kind, words):
    ended, frames = run(interpreter, fault=fault, fault_at=3)
    assert isinstance(ended.error, kind)
    assert words in str(ended.error)
    assert "\n" not in str(ended.error)
    assert sum(f.kind == "trial" for f in frames) == (0 if fault == "load-error" else 3)


def test_a_worker_that_hangs_is_killed_at_its_deadline(interpreter):
    began = time.monotonic()
    ended, frames = run(interpreter, launcher.Deadlines(trial_s=1.0), fault="hang", fault_at=2)
    assert "hung" in str(ended.error)
    assert sum(f.kind == "trial" for f in frames) == 2
    assert time.monotonic() - began < launcher.Deadlines().trial_s / 3


def test_a_hundred_megabytes_on_stdout_do_no_harm(interpreter):
    ended, frames = run(interpreter, fault="noise-on-stdout")
    assert ended.error is None
    assert len(ended.output_tail) <= launcher.TAIL_BYTES
    assert sum(f.kind == "trial" for f in frames) >= 10


def test_an_exception_while_hearing_leaves_no_process_behind(interpreter):
    seen = []

    def interrupted(frame):
        seen.append(frame.kind)
        if len(seen) == 5:
            raise KeyboardInterrupt

    plan = Plan("simulated", "/none", "gguf", {"step_us": 50}, workloads=WORKLOADS)
    with pytest.raises(KeyboardInterrupt):
        launcher.run_worker(interpreter, plan, launcher.Deadlines(), interrupted)
    assert not [c for c in psutil.Process().children(recursive=True) if "harness.worker" in " ".join(c.cmdline())]


PARENT = """
import sys
from pathlib import Path
from harness.measure.workload import WorkloadPlan
from harness.run.execute import launcher
from harness.worker.plan import Plan

def heard(frame):
    print(frame.kind, flush=True)

place = launcher.Interpreter(Path(sys.executable), Path(sys.argv[1]), Path(sys.argv[2]))
workloads = (WorkloadPlan("w", "greedy", (1, 2, 3), 8),)
plan = Plan("simulated", "/none", "gguf", {"fault": "hang", "fault_at": 2}, workloads=workloads)
launcher.run_worker(place, plan, launcher.Deadlines(), heard)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_ends_with_its_parent_in_the_middle_of_a_trial(interpreter, how):
    command = [sys.executable, "-c", PARENT, str(interpreter.bundle), str(interpreter.home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        kinds = [parent.stdout.readline().strip() for _ in range(6)]
        (worker,) = psutil.Process(parent.pid).children()
        parent.send_signal(how)
    assert kinds.count("trial") == 2, kinds  # and it hangs in the third
    worker.wait(PATIENCE_S)  # psutil raises where it lives on


def test_an_interpreter_without_numpy_or_without_existence_gets_one_line(interpreter, tmp_path):
    missing = launcher.Interpreter(tmp_path / "python", interpreter.bundle, interpreter.home)
    with pytest.raises(errors.RuntimeUnavailable, match="can't start the interpreter"):
        run(missing)
    fake = tmp_path / "fake"
    fake.write_text("#!/bin/sh\necho 'ModuleNotFoundError: No module named numpy' >&2\nexit 1\n")
    fake.chmod(0o755)
    ended, _ = run(launcher.Interpreter(fake, interpreter.bundle, interpreter.home))
    assert isinstance(ended.error, errors.RuntimeUnavailable)
    assert "No module named numpy" in str(ended.error)


def test_the_worker_sees_an_allow_list_of_the_environment(interpreter):
    own = {"PATH": "/bin", "SECRET_TOKEN": "x", "HOME": "/home/someone", "OMP_NUM_THREADS": "2", "LD_PRELOAD": "/x.so"}
    seen = launcher.environment(interpreter, own)
    assert seen["OMP_NUM_THREADS"] == "2"
    assert seen["HOME"] == str(interpreter.home)
    assert not {"SECRET_TOKEN", "LD_PRELOAD"} & set(seen)


def test_the_bundle_holds_nothing_that_the_worker_must_not_import(tmp_path):
    folder, digest = bundle.make(tmp_path)
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*.py")}
    assert "harness/worker/__main__.py" in files
    assert "runtimes/llama_cpp.py" in files
    assert not [f for f in files if f.startswith(("harness/cli", "harness/record", "harness/run", "harness/catalog"))]
    assert bundle.make(tmp_path) == (folder, digest)
    assert os.access(folder / "harness" / "worker" / "__main__.py", os.R_OK)
