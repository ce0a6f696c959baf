"""A CUDA build with the driver only: what is said before it, one kernel by the very toolchain, and the whole on request."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import paths
from harness.run.prepare import lock_file
from harness.run.prepare.toolchains import cuda_root
from harness.run.prepare.toolchains.cuda import CudaBuild
from harness.run.prepare.toolchains.toolkit import FROM_INDEX, INDEX_LOCK, newest_gcc, read_toolkit
from runtimes.recipes import LOCKS

DOUBLE = Path(__file__).parents[1] / "doubles" / "nvml_driver.c"
ADA, BLACKWELL, PASCAL = "NVIDIA GeForce RTX 4090=8.9", "NVIDIA GeForce RTX 5090=12.0", "Tesla P100-PCIE-16GB=6.0"
# 129 MB of wheels; cuBLAS alone, which the whole build needs, is 500 MB more.
COMPILER = ("nvidia-cuda-nvcc", "nvidia-cuda-crt", "nvidia-cuda-runtime", "nvidia-cuda-cccl", "nvidia-nvvm")
REPRO = (sys.executable, "-c", "from harness.cli import main; main()")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The folder of the stand-in for NVIDIA's management library."""
    folder = tmp_path_factory.mktemp("nvml")
    target = folder / "libnvidia-ml.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(target), str(DOUBLE)], check=True)
    return str(folder)


@pytest.fixture
def machine(library, tmp_path):
    """An environment in which a driver answers; no CUDA toolkit is on its path."""

    def make(driver, version, gpus, **more):
        own = {"LD_LIBRARY_PATH": library, "NVML_DRIVER": driver, "NVML_CUDA": str(version), "NVML_GPUS": gpus}
        hidden = {"CUDA_HOME", "CUDA_PATH", "CMAKE_ARGS", "CUDA_VISIBLE_DEVICES"}
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        return kept | own | {"XDG_CACHE_HOME": str(tmp_path / "cache")} | more

    return make


def run(environment, *arguments):
    return subprocess.run([*REPRO, *arguments], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("driver", "version", "gpus", "words"),
    [
        ("570.86", 12080, ADA, "driver 570.86 supports CUDA 12.8"),
        ("470.256.02", 11040, ADA, "driver 470.256.02 supports CUDA 11.4"),
        ("580.95.05", 13000, PASCAL, "has no code for Tesla P100-PCIE-16GB (compute capability 6.0)"),
    ],
)
def test_a_driver_or_gpu_that_is_too_old_ends_in_one_line_before_anything_is_built(
    machine, tmp_path, driver, version, gpus, words
):
    done = run(machine(driver, version, gpus), "runtime", "install", "llama.cpp", "--backend", "cuda")
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
    assert "--backend cpu" in done.stderr
    assert not list((tmp_path / "cache").rglob("bin/python"))


def test_packages_for_cuda_13_are_not_fetched_for_an_older_driver(machine):
    done = run(machine("570.86", 12080, ADA), "runtime", "install", "pytorch", "--backend", "cuda")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "driver 570.86 supports CUDA 12.8, and the packages need driver 580 or newer" in done.stderr


CHOICE = """
import json
from harness import paths
from harness.run.prepare.choosing import choice_of
from harness.run.prepare.environments import place
from runtimes.releases import Named
choice = choice_of(Named("llama.cpp", ""), "auto", paths.cache())
where = place(paths.cache(), "llama.cpp", choice.backend)
print(json.dumps([choice.line, where.flags, "nvidia-cuda-nvcc==" in where.lock_text]))
"""


def chosen(environment):
    done = subprocess.run([sys.executable, "-c", CHOICE], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_auto_takes_cuda_with_a_driver_alone_and_says_what_it_is_built_with(machine):
    line, flags, pinned = chosen(machine("580.95.05", 13000, f"{BLACKWELL};{ADA}"))
    assert line.startswith(
        "backend cuda: NVIDIA GeForce RTX 5090 and NVIDIA GeForce RTX 4090, driver 580.95.05 supports CUDA 13.0; CUDA 1"
    )
    assert "-DCMAKE_CUDA_ARCHITECTURES=89-real;120-real" in flags
    if "from the package index" in line.partition(" from the installed")[0]:
        assert pinned


def test_auto_names_a_driver_that_is_too_old_and_leaves_the_gpu(machine):
    line, _, pinned = chosen(machine("570.86", 12080, ADA))
    if not shutil.which("glslc"):
        assert line.startswith("backend cpu: an NVIDIA GPU is here and is NOT used")
    assert "driver 570.86 supports CUDA 12.8" in line
    assert not pinned


@pytest.fixture(scope="module")
def compiler():
    """The compiler of the lock, kept in the program's cache; what needs it is skipped where no index can be reached."""
    blocks = dict(lock_file.blocks((LOCKS / INDEX_LOCK).read_text()))
    lock = "".join(blocks[name] for name in COMPILER)
    folder = paths.cache() / "toolchains" / f"nvcc-{FROM_INDEX.version[0]}.{FROM_INDEX.version[1]}"
    if not folder.exists():
        aside = folder.with_name(f"{folder.name}-{os.getpid()}")
        aside.mkdir(parents=True)
        (aside / "lock.txt").write_text(lock)
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--no-deps",
            "--require-hashes",
            "--disable-pip-version-check",
        ]
        command += ["--target", str(aside), "-r", str(aside / "lock.txt")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(aside)
            pytest.skip(f"the package index can't be reached: {done.stderr.strip().splitlines()[-1]}")
        cuda_root.complete(aside / "nvidia" / "cu13")
        try:
            aside.rename(folder)
        except OSError:  # another run of the tests was faster
            shutil.rmtree(aside)
    return folder / "nvidia" / "cu13"


def test_one_kernel_is_compiled_and_linked_by_the_toolchain_of_the_build(compiler, tmp_path):
    build = CudaBuild(FROM_INDEX, ("89-real",), "", "")
    made = cuda_root.try_out(build, compiler, tmp_path)
    # An ELF of device code for this GPU alone lies in the library, and it asks for the runtime and the driver by their own names.
    content = made.read_bytes()
    for name in (b"libcudart.so.13", b"libcuda.so.1"):
        assert name in content
    dumped = subprocess.run(["readelf", "-S", str(made)], capture_output=True, text=True, check=True).stdout
    assert ".nv_fatbin" in dumped
    # With the stub in the driver's place the library loads, and says that it is one.
    ctypes.CDLL(str(compiler / "lib" / "libcudart.so.13"), mode=ctypes.RTLD_GLOBAL)
    ctypes.CDLL(str(compiler / "lib" / "stubs" / "libcuda.so"), mode=ctypes.RTLD_GLOBAL)
    assert ctypes.CDLL(str(made)).try_out(1) == 1


def test_the_program_knows_what_the_lock_brings(compiler):
    found = read_toolkit(compiler / "bin" / "nvcc")
    assert found is not None
    assert (found.version, found.codes, found.lacks) == (FROM_INDEX.version, FROM_INDEX.codes, "cuBLAS")
    assert newest_gcc((compiler / "include/crt/host_config.h").read_text()) == FROM_INDEX.gcc


def test_a_kernel_that_does_not_compile_is_one_line(compiler, tmp_path):
    from harness.errors import RunFailed

    build = CudaBuild(FROM_INDEX, ("17-real",), "", "")
    with pytest.raises(RunFailed, match=r"does not work here: one kernel does not compile \(.*17") as caught:
        cuda_root.try_out(build, compiler, tmp_path)
    assert "CUDAHOSTCXX" in caught.value.fix


@pytest.mark.slow
def test_the_whole_engine_is_built_for_a_gpu_by_a_driver_that_answers(machine):
    """41 minutes on two busy cores, 1.5 GB when done. `pytest -m slow` asks for it."""
    environment = machine("580.95.05", 13000, ADA, XDG_CACHE_HOME=str(paths.cache().parent))
    done = run(environment, "runtime", "install", "llama.cpp", "--backend", "cuda")
    assert done.returncode == 0, done.stderr
    python = Path(done.stdout.strip().splitlines()[-1])
    libraries = next(python.parents[1].glob("lib/python3*/site-packages/llama_cpp/lib"))
    dynamic = subprocess.run(
        ["readelf", "-d", str(libraries / "libggml-cuda.so")], capture_output=True, text=True, check=True
    ).stdout
    assert "$ORIGIN/../../nvidia/cu13/lib" in dynamic
    for name in ("libcudart.so.13", "libcublas.so.13", "libcuda.so.1"):
        assert name in dynamic
    # Where there is no driver the engine says so in one line, through the adapter that measures.
    stub = next(python.parents[1].glob("lib/python3*/site-packages/nvidia/cu13/lib/stubs/libcuda.so"))
    loads = "import ctypes, sys; ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL); import llama_cpp; print(llama_cpp.__version__)"
    done = subprocess.run([str(python), "-c", loads, str(stub)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
