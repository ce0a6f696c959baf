"""A server compiled beside libraries that are there: the compiler and linker are real, the sources small."""

import shutil
import subprocess
from types import SimpleNamespace

import pytest

from harness.errors import RunFailed
from harness.progress import SILENT
from harness.run.prepare import server_program

pytestmark = pytest.mark.skipif(not all(map(shutil.which, ("cc", "c++", "nm", "xargs"))), reason="no compiler is here")
MAIN = """
#include <cstdio>
extern "C" int mtmd_tokenize(int);
extern "C" int common_answer(void);
int main(int argc, char **) { return argc > 1 ? mtmd_tokenize(1) : printf("%d\\n", common_answer()) < 0; }
"""
HEADER = """
struct mtmd_helper_init_opt {}; struct mtmd_context_params {}; typedef void (*ggml_log_callback)(int);
"""


@pytest.fixture
def where(tmp_path):
    """An environment with the four libraries, and beside it what the sdist holds."""
    packages = tmp_path / "home" / "lib" / "python3.11" / "site-packages"
    for folder in ("lib", "include", "llama_cpp/lib"):
        (packages / folder).mkdir(parents=True)
    (tmp_path / "home" / "bin").mkdir()
    for name in ("llama-common", "llama", "ggml", "ggml-base"):
        source = tmp_path / f"{name}.c"
        source.write_text("int common_answer(void) { return 42; }\n" if name == "llama-common" else "")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", packages / "lib" / f"lib{name}.so", source], check=True)
    server = tmp_path / "source" / "tools" / "server"
    server.mkdir(parents=True)
    (server / "main.cpp").write_text(MAIN)
    (tmp_path / "source" / "tools" / "mtmd").mkdir()
    (tmp_path / "source" / "tools" / "mtmd" / "mtmd-helper.h").write_text(HEADER)
    home = tmp_path / "home"
    recipe = SimpleNamespace(program="llama-server", built="llama-cpp-python")
    return SimpleNamespace(
        home=home, folder=home, recipe=recipe, program=home / "bin" / "llama-server", asked="llama-server", source=tmp_path / "source"
    )  # fmt: skip


@pytest.fixture(autouse=True)
def sources(where, monkeypatch):
    monkeypatch.setattr(server_program, "_sources", lambda *_: where.source)


def test_it_runs_on_the_environments_own_libraries_wherever_that_is_moved(where, tmp_path):
    server_program.build(where, tmp_path / "log", SILENT)
    moved = tmp_path / "moved"
    where.home.rename(moved)
    done = subprocess.run([moved / "bin" / "llama-server"], capture_output=True, text=True, check=True)
    assert done.stdout == "42\n"
    assert not any((tmp_path / "making").iterdir())


def test_what_it_would_call_of_the_part_that_is_left_out_is_named(where, tmp_path):
    server_program.build(where, tmp_path / "log", SILENT)
    done = subprocess.run([where.program, "image"], capture_output=True, text=True, check=False)
    assert done.returncode == -6
    assert done.stderr == "error: built without images and sound: mtmd_tokenize\n"


def test_a_build_that_fails_says_its_first_error_and_leaves_nothing(where, tmp_path):
    (where.source / "tools" / "server" / "other.cpp").write_text("int answer = ;\n")
    with pytest.raises(RunFailed, match="building llama-server failed: expected primary-expression") as caught:
        server_program.build(where, tmp_path / "log", SILENT)
    assert "-o binary=PATH" in caught.value.fix
    assert not where.program.exists()


def test_a_release_without_the_common_library_is_refused(where, tmp_path):
    next(where.home.glob("lib/python3*/site-packages/lib/libllama-common.so")).unlink()
    with pytest.raises(RunFailed, match="installs no libllama-common"):
        server_program.build(where, tmp_path / "log", SILENT)


def test_its_own_source_is_fetched_and_no_tool_is_compiled_to_fetch_it(where, tmp_path):
    where.python = tmp_path / "python"
    command = server_program._download(where, tmp_path)
    assert command[command.index("--no-binary") + 1] == "llama-cpp-python"
    assert ":all:" not in command
    assert "--require-hashes" in command
