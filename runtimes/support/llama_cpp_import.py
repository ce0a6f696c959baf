"""Why llama-cpp-python does not load here, in one line: most often a build for a GPU on a machine without its driver."""

from __future__ import annotations

import re

# Libraries that only a driver brings, and those of a toolkit that was there when the build was made.
_DRIVERS = {
    "libcuda": ("CUDA", "NVIDIA's driver", "install the driver"),
    "libvulkan": ("Vulkan", "Vulkan's loader", "install it (Debian: apt-get install libvulkan1)"),
    "libcudart": ("CUDA", "the CUDA toolkit that it was built with", "install that again"),
    "libcublas": ("CUDA", "the CUDA toolkit that it was built with", "install that again"),
    "libamdhip64": ("ROCm", "ROCm's runtime", "install it"),
    "libhipblas": ("ROCm", "ROCm's runtime", "install it"),
    "librocblas": ("ROCm", "ROCm's runtime", "install it"),
}
_ABSENT = re.compile(r"(?P<name>lib\w+)\.so[.\d]*: cannot open shared object file")


def explained(error: str) -> tuple[str, str]:
    """What is wrong, and how to mend it, of the loader's words."""
    absent = _ABSENT.search(error)
    known = _DRIVERS.get(absent["name"]) if absent else None
    if absent is None or known is None:
        return f"llama-cpp-python can't be imported ({error})", "run: repro runtime install llama.cpp"
    build, lacks, mend = known
    return (
        f"the build is for {build}, and {lacks} is not here ({absent['name']}.so can't be opened)",
        f"{mend}, or measure on the CPU with --backend cpu",
    )
