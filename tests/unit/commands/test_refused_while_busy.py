"""While another run measures, what can be refused without the machine is refused at once, and not after that run's end."""

import pytest

from harness import paths
from harness.files import locked
from harness.run.session import BUSY
from tests.support import tiny_gguf
from tests.support.program import Program

SWEEP = """
name = "swept"

[[triples]]
model = "{model}"
runtime = "simulated"
suite = "quick"

[sweep]
model = "nothing-of-that-name"
runtime = "simulated"
suite = "quick"

[sweep.options]
threads = [1, 2]
"""


@pytest.fixture
def repro(capfd, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.gguf").write_bytes(tiny_gguf.build(tiny_gguf.LONG))
    (tmp_path / "swept.toml").write_text(SWEEP.format(model=tmp_path / "tiny.gguf"))
    with locked(paths.cache() / "measuring.lock", BUSY):
        yield Program(capfd)


SIMULATED = ("--runtime", "simulated", "--suite", "quick")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("bench", *SIMULATED, "--model", "nothing-of-that-name"), "nothing-of-that-name"),
        (("bench", *SIMULATED, "--model", "tiny.gguf", "-o", "context=8"), "too few"),
        (("bench", *SIMULATED, "--model", "tiny.gguf", "--resume"), "no unfinished run"),
        (("bench", *SIMULATED, "--model", "nothing-of-that-name", "-o", "threads=1,2"), "nothing-of-that-name"),
        (("tune", "nothing-of-that-name", "simulated", "-o", "threads=1,2"), "nothing-of-that-name"),
        (("matrix", "run", "swept.toml"), "nothing-of-that-name"),
        (("runtime", "check", "simulated", "--model", "nothing-of-that-name"), "nothing-of-that-name"),
        (("bench", *SIMULATED, "--model", "tiny.gguf"), "another measurement is running"),
    ],
)
def test_a_fault_of_the_request_is_told_before_the_machine_is_free(repro, tmp_path, command, words):
    assert words in repro(*command).refusal
    assert not (tmp_path / "results").exists()
