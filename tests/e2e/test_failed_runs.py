"""Failures of the real engine, each brought about for real: what is recorded of each."""

import stat
from pathlib import Path

import pytest

from harness import paths
from harness.errors import EngineFailed, RunFailed
from harness.progress import SILENT
from harness.record.store import read
from harness.run.bench import bench
from harness.run.execute.launcher import Deadlines
from harness.run.request import Request
from harness.verify.reading import Verified, check
from tests.e2e.conftest import Repro, refused
from tests.support import tiny_gguf, tiny_models

pytestmark = pytest.mark.e2e


@pytest.fixture
def here(tmp_path):
    """With the user's cache, where llama.cpp is built, and keys of its own."""
    made = Repro(tmp_path)
    made.environment["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    assert made("keys", "new", "--handle", "ann").returncode == 0
    return made


def unknown_architecture(path):
    known = {name.replace("llama.", "nosuch."): value for name, value in tiny_gguf.LONG.items()}
    path.write_bytes(tiny_gguf.build(known | {"general.architecture": "nosuch"}))
    return path


def failed(done, repro):
    line = refused(done, 3)
    assert "recorded in results/" in line
    (path,) = repro.records()
    stored = read(path)
    assert check(stored).verified is Verified.YES, check(stored).reason
    return stored.record


def test_an_architecture_that_llama_cpp_does_not_know_is_recorded_and_signed(here, tmp_path):
    model = unknown_architecture(tmp_path / "new-model.gguf")
    record = failed(here("bench", "--model", model, "--suite", "quick"), here)
    outcome = record.outcome
    assert (outcome.reason, outcome.stage, outcome.loaded) == ("unsupported_architecture", "load", False)
    assert "unknown model architecture: 'nosuch'" in outcome.error
    assert str(tmp_path) not in record.model_dump_json()
    assert record.runtime.version.startswith("ggml ")
    assert record.runtime.package.startswith("llama-cpp-python ")
    assert [device.kind for device in outcome.devices] == ["cpu"]
    assert record.operator.run_number == 1
    folder = here.records()[0].parent
    verified = here("verify", folder)
    assert verified.returncode == 0, verified.stderr
    assert "of a run that failed, without a number" in verified.stdout


def limited(tmp_path, kibibytes):
    """The engine's Python with a limit on its address space."""
    found = sorted((paths.cache() / "runtimes" / "llama.cpp").glob("cpu-*/bin/python"))
    if not found:
        pytest.skip("llama.cpp is not built here")
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\nulimit -v {kibibytes}\nexec "{found[0]}" "$@"\n')
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    return wrapper


def test_a_model_that_does_not_fit_the_memory_is_out_of_memory_by_the_engines_own_word(here, tmp_path):
    done = here("bench", "--suite", "quick", "--python", limited(tmp_path, 700_000), "-o", "threads=1")
    outcome = failed(done, here).outcome
    assert (outcome.reason, outcome.stage) == ("out_of_memory", "load")
    assert "failed to allocate" in outcome.error or "insufficient memory" in outcome.error


def test_an_abort_for_want_of_memory_is_out_of_memory_and_a_signal(here, tmp_path):
    done = here("bench", "--suite", "quick", "--python", limited(tmp_path, 600_000), "-o", "threads=1")
    outcome = failed(done, here).outcome
    assert outcome.reason == "out_of_memory"
    assert "insufficient memory" in outcome.error


def test_settings_that_do_not_go_together_are_bad_input_and_no_record(here):
    done = here("bench", "--suite", "quick", "--processes", "1", "-o", "type_v=q4_0", "-o", "flash_attn=off")
    assert "requires flash_attn" in refused(done)
    assert not here.records()


def test_how_long_silence_may_last_is_the_users_to_say(tmp_path, repro):
    model = tiny_models.write_gguf(tmp_path / "tiny.gguf")
    done = repro("bench", "--model", model, "--runtime", "simulated", "--suite", "quick", "--processes", "1", "--timeout", "1",
                 "-o", "fault=hang", "-o", "fault_at=0", "-o", "step_us=50", "-o", "prefill_us=1")  # fmt: skip
    assert done.returncode == 3
    assert "nothing for 1 s" in done.stderr
    assert "--timeout SECONDS" in done.stderr


def test_silence_of_the_engine_is_a_time_out(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model = tiny_models.write_gguf(tmp_path / "tiny.gguf")
    request = Request(model=str(model), runtime="simulated", suite="quick", results=tmp_path / "results", processes=1,
                      settings=("fault=hang", "fault_at=0", "step_us=50", "prefill_us=1"), deadlines=Deadlines(trial_s=1.0))  # fmt: skip
    with pytest.raises(EngineFailed) as caught:
        bench(request, SILENT)
    assert isinstance(caught.value, RunFailed)
    assert caught.value.code == "timed_out"
    outcome = read(Path(caught.value.record)).record.outcome
    assert (outcome.reason, outcome.stage, outcome.evidence) == ("timed_out", "warm-up", {"attempts": 2, "waited_s": 1})
