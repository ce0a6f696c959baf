"""Makes the package index's CUDA one that CMake can link with, and says how a build is told of it.

The wheels hold `libcudart.so.13` and no `libcudart.so`, and no stub of the driver's library: these two are added.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sysconfig
from pathlib import Path

from harness.errors import RunFailed
from harness.run.prepare import lock_file
from harness.run.prepare.toolchains.cuda import CudaBuild
from runtimes.recipes import LOCKS

_SERIES = "cu13"
# Where the libraries lie, from `llama_cpp/lib` of the same environment: the folder may move, and no variable is needed.
_RUNTIME = f"$ORIGIN/../../nvidia/{_SERIES}/lib"
_VERSIONED = re.compile(r"(lib\w+\.so)\.\d+")
_DECLARED = re.compile(r"\bCUDAAPI\s+(cu[A-Z]\w*)\s*\(")
_RENAMED = re.compile(r"^\s*#\s*define\s+cu[A-Z]\w*\s+(?:__CUDA_API_\w+\()?(cu[A-Z]\w*)", re.MULTILINE)
_STUB_ERROR = 34  # CUDA_ERROR_STUB_LIBRARY: what NVIDIA's own stub answers

# One kernel that uses what the engine's do: the host's headers, the runtime, cuBLAS where it is there, the driver's calls.
_KERNEL = """
#include <cmath>
#include <vector>
#include <cuda.h>
#include <cuda_fp16.h>
#ifdef WITH_CUBLAS
#include <cublas_v2.h>
#endif
__global__ void scale(float * x, float by) { x[threadIdx.x] = std::fma(x[threadIdx.x], by, __half2float(__float2half(by))); }
extern "C" int try_out(int n) {
    std::vector<float> host(n, 1.0f);
    float * x = nullptr;
    if (cuInit(0) || cudaMalloc(&x, n * sizeof(float))) return 1;
#ifdef WITH_CUBLAS
    cublasHandle_t handle = nullptr;
    if (cublasCreate(&handle)) return 2;
#endif
    scale<<<1, n>>>(x, 2.0f);
    return cudaDeviceSynchronize();
}
"""


def joined(lock: str, build: CudaBuild | None) -> str:
    """A runtime's lock with what its build brings along; as it is where the toolkit is installed, or the lock has it already."""
    if build is None or not build.from_index:
        return lock
    there = {name for name, _ in lock_file.blocks(lock)}
    brought = lock_file.blocks((LOCKS / f"cuda{build.toolkit.version[0]}.txt").read_text())
    return lock + "".join(block for name, block in brought if name not in there)


def root_of(environment: Path) -> Path:
    """Where the toolkit lies in an environment that holds its wheels."""
    packages = sysconfig.get_path("purelib", "venv", {"base": str(environment), "platbase": str(environment)})
    return Path(packages) / "nvidia" / _SERIES


def complete(root: Path) -> None:
    """Add the links without a version and the stub. Raises `RunFailed` where the host has no C compiler that works."""
    libraries = root / "lib"
    for path in libraries.glob("lib*.so.*"):
        plain = _VERSIONED.fullmatch(path.name)
        if plain and not (libraries / plain[1]).exists():
            (libraries / plain[1]).symlink_to(path.name)
    (libraries / "stubs").mkdir(exist_ok=True)
    source = libraries / "stubs" / "cuda.c"
    source.write_text(stub_source((root / "include" / "cuda.h").read_text(errors="replace")))
    target = libraries / "stubs" / "libcuda.so"
    _run(["cc", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", str(target), str(source)], "the driver's stub")


def stub_source(header: str) -> str:
    """A C source of every function that `cuda.h` declares, under the name that the driver exports."""
    names = sorted({*_DECLARED.findall(header), *_RENAMED.findall(header)})
    return "".join(f"int {name}(void) {{ return {_STUB_ERROR}; }}\n" for name in names)


def flags(build: CudaBuild) -> tuple[str, ...]:
    """What a record keeps of the build's flags: they hold no path."""
    return (f"-DCMAKE_CUDA_ARCHITECTURES={';'.join(build.architectures)}",)


def place_flags(build: CudaBuild, root: Path) -> tuple[str, ...]:
    """The flags that hold this machine's paths, as words of a shell: compiler, toolkit, and where libraries lie at run time."""
    runtime = _RUNTIME if build.from_index else build.toolkit.libraries
    found = [
        f"-DCMAKE_CUDA_COMPILER={root}/bin/nvcc",
        f"-DCUDAToolkit_ROOT={root}",
        f"-DCMAKE_SHARED_LINKER_FLAGS=-Wl,-rpath,'{runtime}'",
    ]
    if build.host_compiler:
        found.append(f"-DCMAKE_CUDA_HOST_COMPILER={build.host_compiler}")
    return tuple(shlex.quote(flag) for flag in found)


def try_out(build: CudaBuild, root: Path, folder: Path) -> Path:
    """Compile and link one kernel with the very toolchain of the build: seconds here, instead of a failure after minutes.

    Raises `RunFailed` with the compiler's first error. Returns the library that it made.
    """
    source, target = folder / "kernel.cu", folder / "libkernel.so"
    source.write_text(_KERNEL)
    named = re.match(r"\d+", build.architectures[0])  # an operator may say "native" or "all"
    code = named[0] if named else min(build.toolkit.codes, key=int)
    command = [str(root / "bin" / "nvcc"), "-std=c++17", "-shared", "-Xcompiler", "-fPIC", "-cudart", "shared"]
    command += ["-gencode", f"arch=compute_{code},code=sm_{code}"]
    command += ["-ccbin", build.host_compiler] if build.host_compiler else []
    command += [str(source), "-o", str(target), "-L", str(root / "lib" / "stubs"), "-lcuda"]
    libraries = Path(build.toolkit.libraries) if build.toolkit.libraries else root / "lib"
    if (libraries / "libcublas.so").exists():
        command += ["-DWITH_CUBLAS", "-L", str(libraries), "-lcublas"]
    _run(command, "one kernel")
    return target


def _run(command: list[str], what: str) -> None:
    from harness.run.prepare.failed_build import first_error

    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        said, failed = str(error), True
    else:
        said, failed = first_error((done.stderr + done.stdout).splitlines()), done.returncode != 0
    if failed:
        raise RunFailed(
            f"the CUDA compiler does not work here: {what} does not compile ({said})",
            where="install",
            fix="install another g++ and name it in CUDAHOSTCXX, or a CUDA toolkit that suits this system",
            code="build failed",
        )
