"""`repro runtime list`: what is said of an environment that is there."""

import json
from dataclasses import asdict

import pytest

from harness.run.prepare.environments import Installed
from tests.support.program import Program


@pytest.fixture
def repro(capfd):
    return Program(capfd)


@pytest.mark.parametrize(
    ("wheel", "seconds", "said"),
    [("ab" * 32, 1322, "built in 1,322 s"), ("ab" * 32, 0, "built before"), ("", 0, "nothing compiled")],
)
def test_an_environment_is_said_to_be_built_in_seconds_only_where_it_was(repro, cache_home, wheel, seconds, said):
    made = Installed("llama.cpp", "cpu", "cpu-1", "cd" * 32, (), wheel, seconds)
    folder = cache_home / "repro-harness" / "runtimes" / "llama.cpp" / "cpu-1"
    folder.mkdir(parents=True)
    (folder / "install.json").write_text(json.dumps(asdict(made)))
    line = next(one for one in repro("runtime", "list", "llama.cpp").out.splitlines() if "cpu-1" in one)
    assert line.split("pinned", 1)[1].split(str(folder))[0].strip() == said


@pytest.fixture
def cache_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path
