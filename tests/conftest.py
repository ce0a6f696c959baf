"""Settings that hold for every test."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.support import tiny_gguf

# Two noisy cores: neither deadlines nor slow generation say anything about the code.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")
# Whoever runs the tests may set a width (pytest-xdist does): what a pipe gets has none.
os.environ.pop("COLUMNS", None)


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
        for _ in range(3):  # a busy machine may spoil a check that rests on times
            path = bench(request, SILENT)
            if all(check.status != "fail" for check in read(path).record.checks):
                break
        return path
