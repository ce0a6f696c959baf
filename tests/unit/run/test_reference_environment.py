"""Which environment makes the reference ids of a model."""

from dataclasses import asdict
from json import dumps

import pytest

from harness.run.prepare import reference
from harness.run.prepare.environments import Installed


@pytest.fixture
def install(tmp_path):
    def make(key, backend, runtime="llama.cpp", release=""):
        folder = tmp_path / "runtimes" / runtime / key
        folder.mkdir(parents=True)
        made = Installed(runtime, backend, key, "0" * 64, (), "", 0, release)
        (folder / "install.json").write_text(dumps(asdict(made)))
        return folder

    return make


def test_one_for_the_cpu_comes_first_for_it_loads_without_a_driver(install, tmp_path):
    own = install("cpu-b", "cpu")
    install("cuda-a", "cuda")
    install("vulkan-a", "vulkan")
    assert reference._there("llama.cpp", tmp_path) == own


def test_another_is_taken_where_there_is_no_other_and_a_named_release_never_is(install, tmp_path):
    assert reference._there("llama.cpp", tmp_path) is None
    install("cpu-a", "cpu", release="0.3.30")
    assert reference._there("llama.cpp", tmp_path) is None
    only = install("cuda-a", "cuda")
    assert reference._there("llama.cpp", tmp_path) == only
    install("cpu-c", "cpu", runtime="vllm")
    assert reference._there("llama.cpp", tmp_path) == only
