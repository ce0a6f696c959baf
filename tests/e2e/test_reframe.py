"""`contrib/reframe/repro_check.py` under the real ReFrame, from REPRO_REFRAME or the PATH."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import fleet_matrices
from tests.support.documents import ROOT
from tests.support.patience import PATIENCE_S

REFRAME = os.environ.get("REPRO_REFRAME") or shutil.which("reframe") or ""
pytestmark = pytest.mark.skipif(not Path(REFRAME).is_file(), reason="ReFrame is not installed (REPRO_REFRAME)")


def run(repro, tiny, *settings):
    given = {
        "repro": ROOT / ".venv" / "bin" / "repro",
        "model": tiny,
        "runtime": "simulated",
        "suite": fleet_matrices.SMALL,
    }
    asked = [f"-SReproCheck.{name}={value}" for name, value in given.items()] + [
        f"-SReproCheck.{one}" for one in settings
    ]
    return subprocess.run(
        [REFRAME, "-c", ROOT / "contrib" / "reframe" / "repro_check.py", "--prefix", repro.folder, "-r", "--performance-report", *asked],
        env=repro.environment | {"HOME": str(repro.folder)}, cwd=repro.folder, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip


def test_rate_and_interval_are_performance_variables(repro, tiny):
    done = run(repro, tiny, "processes=2", "options=prefill_us=1,step_us=100")
    shown = re.findall(r"│ (decode|prefill)(_low|_high)? +│ tok/s +│", done.stdout)
    (record,) = repro.folder.glob("output/**/results/*/record.json")  # kept, and can be signed and submitted
    assert record.exists()
    assert len(shown) == 6 or "ended with status 4" in done.stdout  # a busy machine may fail a check of the record


def test_an_option_with_shell_text_is_one_argument_and_no_number_is_a_failure(repro, tiny):
    done = run(repro, tiny, "options=step_us=$(touch evil)`id`'x")
    assert done.returncode == 1
    assert "ended with status 2" in done.stdout
    assert not list(repro.folder.rglob("evil"))
