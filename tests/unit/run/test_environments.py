"""Places and locks of runtime environments; the real install runs end to end."""

import pytest

from harness.errors import BadInput, RuntimeUnavailable
from harness.run.prepare import environments
from harness.run.prepare.compiling import need_tools
from harness.run.prepare.environments import place
from harness.run.prepare.lock_file import blocks
from runtimes.recipes import LOCKS, RECIPES, Recipe


def test_a_lock_has_a_hash_for_everything_it_names():
    for recipe in RECIPES.values():
        for build in recipe.backends.values():
            for name in filter(None, (build.lock, build.elsewhere)):
                found = blocks((LOCKS / name).read_text())
                assert {name for name, _ in found} >= {*filter(None, [recipe.built]), *recipe.indexed, "numpy"}
                assert all("--hash=sha256:" in text and "==" in text for _, text in found)


def test_both_engines_that_read_safetensors_convert_with_the_same_libraries():
    locks = [
        dict(blocks((LOCKS / name).read_text()))
        for name in ("pytorch-cpu.txt", "vllm-cpu.txt", "pytorch.txt", "vllm.txt")
    ]
    for package in ("transformers", "tokenizers", "gguf", "safetensors"):
        assert len({lock[package].split()[0] for lock in locks}) == 1


def test_a_backend_that_is_not_pinned_for_this_machine_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("runtimes.recipes.platform.machine", lambda: "riscv64")
    with pytest.raises(RuntimeUnavailable, match=r"Python 3\.11 only"):
        place(tmp_path, "vllm", "cpu")
    assert "torch==2.13.0 " in place(tmp_path, "pytorch", "cpu").lock_text  # PyPI's own build stands in


def test_other_flags_are_another_place(tmp_path, monkeypatch):
    cpu, cuda = place(tmp_path, "llama.cpp", "cpu"), place(tmp_path, "llama.cpp", "cuda")
    assert cpu.folder != cuda.folder
    assert "-DGGML_CUDA=ON" in cuda.flags
    monkeypatch.setenv("CMAKE_ARGS", "-DGGML_BLAS=ON -DCMAKE_PREFIX_PATH=/home/me")
    own = place(tmp_path, "llama.cpp", "cpu")
    assert "-DGGML_BLAS=ON" in own.flags
    assert own.folder != cpu.folder


@pytest.mark.parametrize(
    ("instructions", "told"), [("flags : avx512f amx_tile amx_int8", True), ("flags : avx512f", False)]
)
def test_llama_cpp_is_built_without_amx_which_its_kernels_crash_on(tmp_path, monkeypatch, instructions, told):
    monkeypatch.setattr(environments, "_instruction_set", lambda: instructions)
    assert ("-DCMAKE_CXX_FLAGS=-U__AMX_INT8__" in place(tmp_path, "llama.cpp", "cpu").flags) is told


def test_unknown_backends_and_runtimes_without_a_recipe_are_refused(tmp_path):
    with pytest.raises(BadInput, match="take one of cpu, cuda"):
        place(tmp_path, "llama.cpp", "tpu")
    with pytest.raises(BadInput, match="no runtime is called 'other'"):
        place(tmp_path, "other", "cpu")
    for name in ("openai-http", "simulated"):
        with pytest.raises(BadInput, match="has no environment to install"):
            place(tmp_path, name, "cpu")


def test_a_half_made_environment_does_not_count(tmp_path):
    where = place(tmp_path, "llama.cpp", "cpu")
    (where.folder / "bin").mkdir(parents=True)
    (where.folder / "bin" / "python").write_text("")
    assert where.installed() is None
    (where.folder / "install.json").write_text("{")
    assert where.installed() is None
    assert environments.every(tmp_path) == []


def test_a_machine_without_a_compiler_is_told_what_to_install():
    with pytest.raises(RuntimeUnavailable, match="build-essential"):
        need_tools(Recipe("llama.cpp.txt", "llama-cpp-python", tools=("no-such-compiler",)))
