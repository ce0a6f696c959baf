"""The program as a user runs it: `repro` in a process of its own."""

import os
import shutil
import signal
import subprocess

import pytest

from tests.support import engines, forked, tiny_gguf
from tests.support.patience import PATIENCE_S


class Repro:
    """Runs commands with a cache and a results folder of their own, unless the user's cache is asked for."""

    def __init__(self, folder, cache=None):
        self.folder = folder
        self.results = folder / "results"
        self.environment = dict(os.environ)
        if cache is not None:
            self.environment["XDG_CACHE_HOME"] = str(cache)

    def __call__(self, *arguments, timeout=1800, **environment):
        """Its end: exit status, output, errors. Variables by keyword."""
        return forked.run(arguments, self.environment | environment, self.folder, timeout)

    def fresh(self, *arguments, **environment):
        """The same in an interpreter that has imported nothing: where imports and their order are the subject."""
        return subprocess.run(
            [*forked.PROGRAM, *map(str, arguments)],
            env=self.environment | environment, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip

    def start(self, *arguments):
        return subprocess.Popen(
            [*forked.PROGRAM, *map(str, arguments)],
            env=self.environment, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            # A shell that starts the tests in the background ignores Ctrl-C, and its children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip

    def records(self):
        return sorted(self.results.glob("*/record.json"))


@pytest.fixture(scope="module", autouse=True)
def real_engine(request):
    """Where a test of the module runs a real engine: it is there."""
    own = [item for item in request.session.items if item.module is request.module]
    if any(item.get_closest_marker(mark) for item in own for mark in ("e2e", "slow")):
        engines.ready()


@pytest.fixture
def repro(tmp_path):
    return Repro(tmp_path, tmp_path / "cache")


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny_gguf.build(tiny_gguf.LONG))
    return path


@pytest.fixture(scope="session")
def founded(tmp_path_factory):
    """The folder of an editor, two operators and an empty registry, made once by the commands that make them."""
    from tests.support.people import People

    made = People(tmp_path_factory.mktemp("founded"))
    made.good("ed", "keys", "new", "--role", "editor", "--handle", "ed")
    made.good("ed", "registry", "new", "--origin", "test.example/registry")
    for who in ("ann", "bob"):
        made.operator(who)
    return made.folder


@pytest.fixture
def people(founded, tmp_path):
    """Their copy for one test."""
    from tests.support.people import People

    shutil.copytree(founded, tmp_path, dirs_exist_ok=True)
    return People(tmp_path)


@pytest.fixture
def url(people):
    """The address of a service of the registry of `hosted`."""
    from tests.support.people import at_a_service

    with at_a_service(people) as found:
        yield found


def refused(done, code=2):
    """One line on standard error, no traceback; returns it."""
    assert done.returncode == code, (done.returncode, done.stderr[-2000:])
    lines = done.stderr.strip().splitlines()
    assert "Traceback" not in done.stderr
    assert lines[-1].startswith("repro: ")
    return lines[-1]


def measured(done):
    """A run that wrote its record. A busy machine may spoil a check that rests on times (4): that is its record's matter."""
    assert done.returncode in (0, 4), (done.returncode, done.stderr[-3000:])
    assert "Traceback" not in done.stderr
    return done


INTERRUPT, KILL = signal.SIGINT, signal.SIGKILL
