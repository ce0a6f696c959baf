"""A build that fails: its first error in one line, what works here, and no second try of the same thing."""

import stat
from pathlib import Path

import pytest

from harness.errors import RunFailed, RuntimeUnavailable
from harness.progress import SILENT
from harness.run.prepare import compiling, environments, failed_build, installing, steps
from harness.run.prepare.failed_build import first_error
from tests.support.vulkan_sdk import sdk

PIP_TAIL = ["  error: subprocess-exited-with-error", "ERROR: Failed to build 'llama-cpp-python'"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ["[5/300] Building CXX object ggml/error.cpp.o -Werror=format", "/tmp/x/vulkan.cpp:3:10: fatal error: vulkan/vulkan.h: "
             "No such file or directory", "x.cpp:9:1: error: a later one"],
            "vulkan/vulkan.h: No such file or directory",
        ),
        (["a.cpp:1:2: error: expected ';' before '}' token"], "expected ';' before '}' token"),
        (
            ["-- Looking for C++ include errors.h", "CMake Error at CMakeLists.txt:12 (find_package):", "", "  Could not find Vulkan",
             "  (missing: glslc)", "", "error: later"],
            "Could not find Vulkan (missing: glslc)",
        ),
        (["CMake Error: CMAKE_CUDA_COMPILER not set"], "CMAKE_CUDA_COMPILER not set"),
        (["/usr/bin/ld: cannot find -lcublas: No such file", "collect2: error: ld returned 1 exit status"],
         "cannot find -lcublas: No such file"),
        (["nvcc fatal   : Unsupported gpu architecture 'compute_120'"], "nvcc fatal : Unsupported gpu architecture 'compute_120'"),
        (["c++: fatal error: Killed signal terminated program cc1plus"], "Killed signal terminated program cc1plus"),
        (["ERROR: Could not find a version that satisfies the requirement"],
         "Could not find a version that satisfies the requirement"),
        (["something ended", ""], "something ended"),
        ([], ""),
    ],
)  # fmt: skip
def test_the_first_error_of_a_log_is_named(lines, said):
    assert first_error([*lines, *PIP_TAIL] if said and "ended" not in said else lines) == said


def failing(monkeypatch, folder, script):
    """A `python -m pip` of the environment that does what `script` says; the rest of the installation is real."""
    real = steps.run
    counter = folder / "builds"

    def run(command, log, extra, note):
        if "venv" in command:  # takes half a minute, and is not what is tried here
            Path(command[-1]).mkdir(parents=True)
            return None
        if "install" in command:  # what is downloaded comes before the build
            return None
        if "wheel" in command:
            tool = folder / "pip.sh"
            tool.write_text(f"#!/bin/sh\necho x >> {counter}\n{script}")
            tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
            command = [str(tool)]
        return real(command, log, extra, note)

    monkeypatch.setattr(steps, "run", run)
    return lambda: len(counter.read_text().split()) if counter.exists() else 0


def install(where, **more):
    return installing.install(where, SILENT, **more)


@pytest.fixture
def vulkan(tmp_path, monkeypatch):
    monkeypatch.setenv("VULKAN_SDK", str(sdk(tmp_path / "sdk")))
    return environments.place(tmp_path / "cache", "llama.cpp", "vulkan")


def test_a_failed_build_is_status_3_names_the_error_and_what_works_and_is_not_tried_again(
    monkeypatch, tmp_path, vulkan
):
    builds = failing(monkeypatch, tmp_path, "echo 'Building wheel'; echo 'x.cpp:1: error: no vulkan.h'; exit 1")
    with pytest.raises(RunFailed, match=r"no vulkan\.h.*--backend cpu") as caught:
        install(vulkan)
    assert caught.value.exit_code == 3
    assert str(vulkan.folder.with_suffix(".log")) in caught.value.fix
    assert not vulkan.folder.exists()
    assert not vulkan.aside.folder.exists()
    with pytest.raises(RunFailed, match=r"not tried again.*--backend vulkan --again") as again:
        install(vulkan)
    assert "no vulkan.h" in str(again.value)
    assert builds() == 1
    with pytest.raises(RunFailed, match=r"no vulkan\.h"):
        install(vulkan, again=True)
    assert builds() == 2


@pytest.mark.parametrize(("backend", "words"), [("vulkan", r"headers are 1\.3\.239"), ("metal", "Metal is for Macs")])
def test_a_build_that_cannot_be_made_is_refused_before_anything_is_fetched(monkeypatch, tmp_path, backend, words):
    builds = failing(monkeypatch, tmp_path, "exit 1")
    monkeypatch.setenv("VULKAN_SDK", str(sdk(tmp_path / "sdk", patch=239)))
    monkeypatch.setattr("harness.run.prepare.toolchains.here.platform.system", lambda: "Linux")
    where = environments.place(tmp_path / "cache", "llama.cpp", backend)
    with pytest.raises(RuntimeUnavailable, match=words) as caught:
        install(where)
    assert caught.value.exit_code == 2
    assert "--backend cpu" in caught.value.fix
    assert builds() == 0
    assert not where.folder.exists()
    assert failed_build.remembered(where.folder) is None  # with newer headers it is tried


def test_a_build_that_never_began_is_tried_again(monkeypatch, tmp_path, vulkan):
    builds = failing(monkeypatch, tmp_path, "echo 'ERROR: Could not find a version (offline)'; exit 1")
    for _ in range(2):
        with pytest.raises(RunFailed, match="offline"):
            install(vulkan)
    assert builds() == 2


def test_a_failed_build_leaves_another_one_that_works(monkeypatch, tmp_path, vulkan):
    cpu = environments.place(tmp_path / "cache", "llama.cpp", "cpu")
    cpu.python.parent.mkdir(parents=True)
    cpu.python.touch()
    (cpu.folder / "install.json").write_text(
        '{"runtime": "llama.cpp", "backend": "cpu", "key": "k", "lock_sha256": "", "build_flags": [], '
        '"built_wheel_sha256": "", "build_seconds": 1}'
    )
    failing(monkeypatch, tmp_path, "echo 'Building wheel'; echo 'error: x'; exit 1")
    with pytest.raises(RunFailed):
        install(vulkan)
    assert cpu.installed() is not None
    assert install(cpu).backend == "cpu"
    assert failed_build.remembered(cpu.folder) is None


def test_a_stop_during_a_build_says_how_to_go_on(monkeypatch, tmp_path, vulkan):
    from harness.errors import Interrupted

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(compiling, "built_wheel", stopped)
    with pytest.raises(Interrupted, match="the same command begins the build again") as caught:
        install(vulkan)
    assert caught.value.exit_code == 130
    assert not vulkan.folder.exists()
    assert not vulkan.aside.folder.exists()
    assert failed_build.remembered(vulkan.folder) is None
