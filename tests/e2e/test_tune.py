"""`repro tune` as a user types it: the planted best is found and measured again, bad input is one line, a stopped search goes on."""

import json
import signal
import time
from pathlib import Path

from tests.e2e.conftest import measured, refused
from tests.support.patience import PATIENCE_S

SMALL = Path(__file__).parents[1] / "data" / "small-v1.toml"
FIXED = ("--suite", SMALL, "--budget", "600")


def test_the_planted_best_is_found_and_measured_again(repro, tiny):
    """A step of the default takes twice as long as one of the best: however busy the machine is, that shows."""
    lists = ("-o", "step_us=4000,2000", "-o", "prefill_us=40")
    done = repro("tune", tiny, "simulated", *lists, *FIXED, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    # The default's 500 µs are the fastest of all, and nothing is claimed.
    assert (found["winner"], found["gain"], found["options"]) == (0, None, "-o prefill_us=40")
    assert not repro.records()
    assert not (repro.results / ".tune").exists()
    assert not (repro.results / ".partial").exists()
    done = repro("tune", tiny, "simulated", "-o", "step_us=100,2000", *FIXED)
    measured(done)
    assert "options: -o step_us=100" in done.stdout
    assert "measured again on" in done.stdout
    records = [json.loads(path.read_text())["predicate"] for path in repro.records()]
    assert sorted(record["runtime"]["options"].get("step_us", 0) for record in records) == [0, 100]
    assert all(len(record["processes"]) >= 4 for record in records)


def test_a_stopped_search_is_resumed(repro, tiny):
    run = ("tune", tiny, "simulated", "-o", "step_us=5000,5100,5200", *FIXED)
    running = repro.start(*run)
    deadline = time.monotonic() + PATIENCE_S
    while len(list(repro.results.glob(".partial/*/process-000.frames"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 130, said
    assert "--resume" in said.splitlines()[-1]
    kept = {path: path.read_bytes() for path in repro.results.glob(".partial/*/process-000.frames")}
    done = repro(*run, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert kept
    assert json.loads(done.stdout)["winner"] == 0  # 500 µs
    assert not (repro.results / ".tune").exists()


def test_bad_input_is_refused_in_one_line(repro, tiny):
    assert "no settings to try by itself" in refused(repro("tune", tiny, "simulated"))
    assert "no runtime is called" in refused(repro("tune", tiny, "simulation"))
    assert "is for a mix" in refused(repro("tune", tiny, "simulated", "-o", "threads=1,2", "--weight", "0.3"))
    assert "'x' is not a whole number" in refused(repro("tune", tiny, "simulated", "-o", "step_us=1,x"))
    assert "1,000,000 combinations" in refused(repro("tune", tiny, "simulated", "-o", "step_us=1-1000000"))
    assert "no unfinished search" in refused(repro("tune", tiny, "simulated", "-o", "threads=1,2", "--resume"))
    assert "none.gguf" in refused(repro("tune", "none.gguf", "simulated", "-o", "step_us=1,2"))
    said = refused(repro("tune", tiny, "simulated", "-o", "step_us=1000,2000", "--suite", SMALL, "--budget", "1"))
    assert "--budget 1: one round of 3 candidates" in said
