"""CUDA toolkits that are installed here: version, the GPUs they compile for, the compilers they take, and what they lack."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.run.prepare.toolchains.nvidia import Version, dotted

_USUAL = ("/usr/local/cuda", "/opt/cuda", "/usr/lib/cuda")
_LIMIT_S = 10


@dataclass(frozen=True, slots=True)
class Toolkit:
    """One toolkit; `codes` are the GPUs that it compiles for (`89`), `gcc` the newest major version of g++ that it takes,
    None where it does not say. `root` is empty for the one that comes from the package index.
    """

    version: Version
    codes: frozenset[str]
    gcc: int | None
    lacks: str = ""
    root: str = ""
    libraries: str = ""  # the folder of cuBLAS

    @property
    def said(self) -> str:
        """In words, without a path: a record keeps them."""
        where = "the installed CUDA toolkit" if self.root else "the package index"
        return f"CUDA {dotted(self.version)} from {where}"


# What `runtimes/locks/cuda13.txt` pins; tests hold it against the compiler itself.
FROM_INDEX = Toolkit(
    version=(13, 5),
    codes=frozenset("75 80 86 87 88 89 90 100 103 107 110 120 121".split()),
    gcc=16,
)
INDEX_LOCK = "cuda13.txt"


def find_toolkits(environment: Mapping[str, str]) -> tuple[Toolkit, ...]:
    """Those that a build could take, in the order in which it would: the variables, the path, the usual folders."""
    named = [environment.get(name) for name in ("CUDA_HOME", "CUDA_PATH", "CUDAToolkit_ROOT")]
    compilers = [Path(folder) / "bin" / "nvcc" for folder in filter(None, named)]
    on_path = shutil.which("nvcc", path=environment.get("PATH"))
    compilers += [Path(on_path)] if on_path else []
    compilers += [Path(folder) / "bin" / "nvcc" for folder in _USUAL]
    found: dict[str, Toolkit] = {}
    for compiler in compilers:
        toolkit = read_toolkit(compiler) if os.access(compiler, os.X_OK) else None
        if toolkit is not None:
            found.setdefault(toolkit.root, toolkit)
    return tuple(found.values())


def read_toolkit(nvcc: Path) -> Toolkit | None:
    """Ask an `nvcc`; None where it does not answer as one."""
    release = re.search(r"release (\d+)\.(\d+)", _asked(nvcc, "--version"))
    codes = re.findall(r"^sm_(\d+)$", _asked(nvcc, "--list-gpu-code"), re.MULTILINE)
    # A wrapper on the path may stand for a compiler elsewhere: the compiler itself tells its root.
    top = re.search(r"^#\$ TOP=(.+)$", _asked(nvcc, "--dryrun", "-E", "-x", "cu", os.devnull), re.MULTILINE)
    if release is None or not codes:
        return None
    root = Path(os.path.realpath(top[1].strip() if top else nvcc.resolve().parents[1]))
    libraries = _first(root.glob(pattern) for pattern in _LIBRARIES) or _first(
        Path("/").glob(pattern) for pattern in _SYSTEM_LIBRARIES
    )
    header = [*root.glob("include/cublas_v2.h"), *root.glob("targets/*/include/cublas_v2.h")]
    lacks = "" if libraries and (header or Path("/usr/include/cublas_v2.h").exists()) else "cuBLAS"
    return Toolkit(
        version=(int(release[1]), int(release[2])),
        codes=frozenset(codes),
        gcc=newest_gcc(_text(root)),
        lacks=lacks,
        root=str(root),
        libraries=str(libraries.parent) if libraries else "",
    )


_LIBRARIES = ("lib64/libcublas.so", "lib/libcublas.so", f"targets/{platform.machine()}-linux/lib/libcublas.so")
_SYSTEM_LIBRARIES = (f"usr/lib/{platform.machine()}-linux-gnu/libcublas.so", "usr/lib64/libcublas.so")


def newest_gcc(host_config: str) -> int | None:
    """The newest major version of g++ that CUDA's `crt/host_config.h` lets through; None where it does not say."""
    found = re.search(r"^#if __GNUC__ > (\d+)", host_config, re.MULTILINE)
    return int(found[1]) if found else None


def _text(root: Path) -> str:
    for path in [*root.glob("include/crt/host_config.h"), *root.glob("targets/*/include/crt/host_config.h")]:
        try:
            return path.read_text(errors="replace")
        except OSError:
            continue
    return ""


def _first(several: Iterable[Iterable[Path]]) -> Path | None:
    return next((path for found in several for path in found), None)


def _asked(program: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [str(program), *arguments], capture_output=True, text=True, errors="replace", timeout=_LIMIT_S,
            check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout + done.stderr
