"""A step of an installation ends with whoever asked for it, and its program must be there."""

import signal
import subprocess
import sys

import psutil
import pytest

from harness.run.prepare import steps

PARENT = """
import sys
from pathlib import Path
from harness.run.prepare import steps

steps.run(["sh", "-c", "sleep 600 & echo here; wait"], Path(sys.argv[1]), {}, lambda line: print(line, end='', flush=True))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_step_and_all_that_it_started_end_with_a_killed_parent(tmp_path, how):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, tmp_path / "log"], stdout=subprocess.PIPE, text=True
    ) as parent:
        said = parent.stdout.readline()
        started = psutil.Process(parent.pid).children(recursive=True)
        parent.send_signal(how)
    assert said == "here\n"
    assert len(started) == 3  # who watches, the shell, and what it started
    _, alive = psutil.wait_procs(started, timeout=10)
    assert alive == []


def test_what_a_step_says_and_how_it_ends_is_told(tmp_path):
    log, heard = tmp_path / "log", []
    steps.run(["sh", "-c", "echo $WORD; echo below >&2"], log, {"WORD": "said"}, heard.append)
    assert (heard, log.read_text()) == (["said\n", "below\n"], "said\nbelow\n")
    with pytest.raises(steps.StepFailed, match="sh failed: exit status 3"):
        steps.run(["sh", "-c", "exit 3"], log, {}, None)
    with pytest.raises(steps.StepFailed, match="no-such-program failed: it is not installed"):
        steps.run(["no-such-program"], log, {}, None)
