"""What a build for ROCm needs: the HIP compiler, and hipBLAS and rocBLAS with their CMake files, from 6.1 on."""

from __future__ import annotations

import re

from harness.run.prepare.toolchains.cuda import Missing
from harness.run.prepare.toolchains.search_path import SearchPath

_OLDEST = (6, 1)  # ggml-hip's CMakeLists.txt refuses an older one
_FIX = "install ROCm's HIP SDK (packages rocm-hip-sdk or hipcc, libhipblas-dev, librocblas-dev), or set ROCM_PATH"


def missing(search: SearchPath) -> Missing | None:
    """What the build lacks; None where it lacks nothing."""
    prefixes = search.prefixes("ROCM_PATH", "HIP_PATH", usual=("/opt/rocm", "/usr/local", "/usr"))
    absent = []
    if not (search.program("hipcc", "amdclang++") or search.file(prefixes, "bin/hipcc", "bin/amdclang++")):
        absent.append("hipcc")
    for name in ("hip", "hipblas", "rocblas"):
        if search.file(prefixes, f"{{lib}}/cmake/{name}/{name}-config.cmake") is None:
            absent.append({"hip": "HIP", "hipblas": "hipBLAS", "rocblas": "rocBLAS"}[name])
    if absent:
        return Missing(f"missing: {', '.join(absent)} (ROCm's HIP SDK)", _FIX)
    told = search.file(prefixes, ".info/version")
    found = re.match(r"(\d+)\.(\d+)", told.read_text(errors="replace")) if told and told.is_file() else None
    if found and (int(found[1]), int(found[2])) < _OLDEST:
        return Missing(f"ROCm is {found[1]}.{found[2]}, and the engine needs 6.1 or newer", "install a newer ROCm")
    return None
