"""How each runtime's environment is made: its lock, and the build flags of each backend. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LOCKS = Path(__file__).parent / "locks"


@dataclass(frozen=True, slots=True)
class Recipe:
    """`built` names the one distribution that is compiled here, from its sdist, with `backends[backend]` as CMAKE_ARGS."""

    lock: str
    built: str = ""
    backends: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"cpu": ()})
    tools: tuple[str, ...] = ()  # needed to build

    @property
    def lock_text(self) -> str:
        """The lock's content."""
        return (LOCKS / self.lock).read_text()


# The two flags leave out the image tower, which would double the time of the build.
_LLAMA = ("-DLLAVA_BUILD=OFF", "-DMTMD_BUILD=OFF")

RECIPES: Mapping[str, Recipe] = {
    "llama.cpp": Recipe(
        lock="llama.cpp.txt",
        built="llama-cpp-python",
        backends={
            "cpu": _LLAMA,
            "cuda": (*_LLAMA, "-DGGML_CUDA=ON"),
            "vulkan": (*_LLAMA, "-DGGML_VULKAN=ON"),
            "metal": (*_LLAMA, "-DGGML_METAL=ON"),
            "rocm": (*_LLAMA, "-DGGML_HIP=ON"),
        },
        tools=("cc", "c++"),
    ),
}
