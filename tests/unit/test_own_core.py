"""`pytest --own-core`: what a process of tests takes for itself, and what it shares with the other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, os, sys
from pathlib import Path
from tests.support import apart
from harness import paths
users = paths.cache()
apart.begin(sys.argv[1], Path(sys.argv[2]))
(paths.cache() / "runtimes" / sys.argv[1]).touch()
(paths.cache() / "measuring.lock").touch()
print(json.dumps([sorted(os.sched_getaffinity(0)), str(paths.cache()), os.listdir(users / "runtimes"), os.listdir(users)]))
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processes are not bound to cores here")
def test_each_has_a_core_and_a_lock_of_its_own_and_what_was_installed_is_the_users(tmp_path):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "users")}
    told = []
    for name in ("gw0", "gw1"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, name, tmp_path / name], cwd=ROOT, env=environment, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        told.append(json.loads(done.stdout))
    cores = [core for cores, *_ in told for core in cores]
    assert len(cores) == 2
    assert len(set(cores)) == min(2, len(os.sched_getaffinity(0)))
    assert [Path(cache).parent for _, cache, *_ in told] == [tmp_path / "gw0", tmp_path / "gw1"]
    assert set(told[1][2]) == {"gw0", "gw1"}
    assert "measuring.lock" not in told[1][3]
