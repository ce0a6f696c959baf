"""Settings that hold for every test."""

import gc
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import apart, tiny_gguf

HERE = Path(__file__).parent
# Two noisy cores: neither deadlines nor slow generation say anything about the code. `make test` draws the same examples each time,
# so that what fails it is in the commit; new ones are looked for by `--hypothesis-profile search`.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", settings.get_profile("search"), derandomize=True)
settings.load_profile("default")
# Whoever runs the tests may set a width (pytest-xdist does): what a pipe gets has none.
os.environ.pop("COLUMNS", None)

# Tests kill processes, never the machine: what the kernel has taken is not lost, so nothing waits for a disk.
MEMORY, ROOM_BYTES = Path("/dev/shm"), 4 << 30
# Some write programs and start them there.
STARTS = os.access(MEMORY, os.W_OK) and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
if STARTS and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# Files that take minutes, most of which they wait.
FIRST = ("test_environments_made.py", "test_three_runtimes.py", "test_fleet_slurm.py")
LONGEST = ("e2e", "browser", "simulation", "property")  # folders, by how long a file of theirs takes


def pytest_addoption(parser):
    parser.addoption("--own-core", action="store_true", help="each process of pytest-xdist on a core of its own")


def pytest_collection_modifyitems(config, items):
    """Processes that share the files take the long ones first: then they end together."""
    files = {name: place for place, name in enumerate(FIRST)}
    folders = {name: place for place, name in enumerate(LONGEST)}
    of = {item: item.path.relative_to(HERE).parts[0] for item in items}
    lost = [item.nodeid for item in items if of[item] != "e2e" and any(map(item.get_closest_marker, ("alone", "e2e")))]
    if lost:
        raise pytest.UsageError(f"`make test` looks for what runs alone in tests/e2e only: {lost[0]}")
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: (files.get(item.path.name, len(files)), folders.get(of[item], len(folders))))


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is collected stays until the end: to look at all of it took the garbage collector half a second each time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


class Told:
    """Names each failure as it comes: a run that is stopped later has told what it found."""

    def __init__(self, config):
        self.config = config

    def pytest_runtest_logreport(self, report):
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal is not None:
            crash = getattr(report.longrepr, "reprcrash", None)
            reason = (str(report.longrepr) if crash is None else crash.message).strip().partition("\n")[0]
            told = f"\n{report.when} of {report.nodeid} failed after {report.duration:.0f} s: {reason}"
            terminal.write_line(told[:400])


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Told(config))
    elif config.getoption("--own-core"):
        folder = tempfile.TemporaryDirectory(prefix="own-core-")
        config.add_cleanup(folder.cleanup)
        apart.begin(config.workerinput["workerid"], Path(folder.name))


@pytest.fixture(scope="session")
def simulated_record(tmp_path_factory):
    """A record of the simulated runtime, made by the real program from end to end in a few seconds."""
    from harness.progress import SILENT
    from harness.record.store import read
    from harness.run.bench import bench
    from harness.run.request import Request

    folder = tmp_path_factory.mktemp("simulated")
    model = folder / "tiny.gguf"
    model.write_bytes(tiny_gguf.build(tiny_gguf.LONG))
    settings = ("step_us=200", "prefill_us=5", "seed=3", "between_ppm=2000")
    request = Request(str(model), "simulated", "quick", settings, results=folder / "results", processes=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        for _ in range(9):  # a busy machine may spoil a check that rests on times
            path = bench(request, SILENT)
            if all(check.status != "fail" for check in read(path).record.checks):
                break
        return path
