"""A run that is stopped, by hand or by force, keeps what it has and is resumed from there."""

import json
import signal
from contextlib import suppress

import pandas as pd
import psutil
import pytest

from tests.e2e.conftest import measured
from tests.support.patience import PATIENCE_S, until

RUN = ("bench", "--runtime", "simulated", "--suite", "quick", "--processes", "3",
       "-o", "step_us=1500", "-o", "prefill_us=5", "-o", "seed=4")  # fmt: skip


def wait_for_process(repro, index, trials):
    """Until so many trials of a process are in the journal."""

    def there():
        files = list(repro.results.glob(f".partial/*/process-{index:03d}.frames"))
        return files and files[0].read_bytes().count(b'"kind":"trial"') >= trials

    until(there, f"{trials} trials of process {index}")


def workers_of(repro):
    """The processes that run this very test's worker: its bundle is in the cache that nobody else has."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "harness.worker" in (process.info["cmdline"] or []):
            with suppress(psutil.Error):
                found += [process.pid] if str(repro.folder) in process.environ().get("PYTHONPATH", "") else []
    return found


def wait_until_no_worker_of(repro):
    """A worker ends by itself when its parent is gone."""
    until(lambda: not workers_of(repro), "its worker is gone")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_a_stopped_run_is_resumed_with_what_it_has(repro, tiny, how):
    running = repro.start(*RUN, "--model", tiny)
    wait_for_process(repro, 1, 5)
    assert workers_of(repro)  # else the look for one that is left would find none in any case
    running.send_signal(how)
    _, said = running.communicate(timeout=PATIENCE_S)
    if how is signal.SIGINT:
        assert running.returncode == 130
        last = said.strip().splitlines()[-1]
        assert "Stopped; process 2 starts again with --resume (1 whole process is kept)" in last
        assert "Traceback" not in said
    wait_until_no_worker_of(repro)
    assert not repro.records()

    done = repro(*RUN, "--model", tiny, "--resume", "--json")
    measured(done)
    record = json.loads(done.stdout)
    assert record["run"]["resumed"]
    assert len(record["processes"]) == 3
    assert [p["index"] for p in record["processes"]] == [0, 2, 3]
    assert record["run"]["failed_processes"] == [{"index": 1, "reason": "interrupted"}]
    samples = pd.read_parquet(repro.records()[0].parent / "samples.parquet")
    cut = samples[samples.process == 1]
    assert len(cut) >= 5
    assert (cut.invalid_reason != "").all()
    assert not list(repro.results.glob(".partial/*/*.frames"))
    assert repro("recompute", repro.records()[0].parent).returncode == 0
