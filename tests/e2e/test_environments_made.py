"""What the tests of real engines need, made by the commands as a user makes it, all at once, while the tests of rules run beside.

It lies in the user's cache, and what is there already stays. One environment is compiled, the others wait for their packages: behind one
another, in front of the tests that run engines, they took longer than those.
"""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from harness import paths
from harness.catalog import models
from harness.catalog.fetch import files_in
from tests.e2e.conftest import Repro
from tests.support import engines
from tests.support.forked import PROGRAM

HOUR_S = 3600
CONVERTED = engines.MODELS[0]  # for PyTorch and vLLM, by PyTorch


def fetched(name):
    return all(path.is_file() for path in files_in(models.load(name), paths.cache()))


class Making:
    """A command that runs out of the way of what is tested meanwhile."""

    def __init__(self, log, *words):
        self.log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                ["nice", "-n", "5", *PROGRAM, *words], stdout=output, stderr=output, start_new_session=True
            )

    def ended(self):
        assert self.process.wait(HOUR_S) == 0, self.log.read_text()[-3000:]

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            self.process.wait(HOUR_S)


@pytest.fixture(scope="module")
def making(tmp_path_factory):
    """Whatever is lacking, all of it begun at once; by name."""
    logs = tmp_path_factory.mktemp("making")
    lacking = {name: ("model", "fetch") for name in engines.MODELS if not fetched(name)}
    lacking |= {name: ("runtime", "install") for name in engines.RUNTIMES if not engines.whole(name)}
    begun = {name: Making(logs / name, *words, name) for name, words in lacking.items()}
    yield begun
    for one in begun.values():
        one.stop()


@pytest.mark.parametrize("name", engines.MODELS)
def test_a_model_that_is_measured_is_fetched(making, name):
    if name in making:
        making[name].ended()
    assert fetched(name)


@pytest.mark.parametrize("runtime", engines.RUNTIMES)
def test_an_environment_that_is_measured_is_made(making, runtime):
    if runtime in making:
        making[runtime].ended()
    assert engines.whole(runtime)


@pytest.mark.e2e  # a worker that loads PyTorch beside all else is soon taken for one that hangs
def test_weights_are_converted_for_engines_that_read_no_gguf(tmp_path):
    done = Repro(tmp_path)("model", "prepare", CONVERTED)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.split()[-1])
    assert {path.suffix for path in folder.iterdir()} >= {".safetensors", ".json"}
