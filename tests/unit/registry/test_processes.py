"""Helping processes end with whoever started them, however that ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.support.patience import until

PROGRAM = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from harness.registry.processes import end_with_parent
if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("spawn"), end_with_parent) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        time.sleep(600)
"""


def test_a_helper_ends_with_a_parent_that_was_killed(tmp_path: Path):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        helper = psutil.Process(int(parent.stdout.readline()))
        assert helper.is_running()
        parent.send_signal(signal.SIGKILL)
    until(lambda: not helper.is_running() or helper.status() == psutil.STATUS_ZOMBIE, "the helper ends")
