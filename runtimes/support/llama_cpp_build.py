"""What a build of llama.cpp says of itself: version, commit, instruction sets, devices, and its log while it loads."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from runtimes.interface import FailureSign, Scalar
from runtimes.support import ggml_devices
from runtimes.support.ggml_devices import Listed
from runtimes.support.llama_cpp_placement import WANTED

LEVEL_DEBUG, LEVEL_ERROR = 1, 4  # of ggml.h; llama-cpp-python's own table numbers them otherwise


class LogTap:
    """Receives llama.cpp's log: kept while the model loads, where it alone tells what `auto` became; then dropped."""

    def __init__(self, engine: Any) -> None:
        self._lines: list[str] = []
        self._errors: list[str] = []
        self._keep = True
        # The callback object must live as long as the library may call it.
        self._callback = engine.llama_log_callback(self._receive)
        engine.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _receive(self, level: int, text: bytes, _data: ctypes.c_void_p) -> None:
        line = text.decode(errors="replace")
        if level == LEVEL_ERROR:
            self._errors = [*self._errors[-19:], line.strip()]
            with contextlib.suppress(OSError):
                os.write(2, text)  # an engine that aborts takes all that is kept here with it
        elif self._keep and (level != LEVEL_DEBUG or WANTED.search(line)):
            self._lines.append(line)

    def text(self) -> str:
        """All that was kept."""
        return "".join(self._lines)

    def find(self, pattern: str, text: str) -> str | None:
        """The last match of the pattern's first group."""
        found = re.findall(pattern, text)
        return str(found[-1]) if found else None

    def last_error(self, signs: Sequence[FailureSign] = ()) -> str:
        """The error that a sign is in; else the first of the last errors: the later ones only say that loading failed."""
        telling = [line for sign in signs for line in self._errors if re.search(sign.pattern, line, re.IGNORECASE)]
        return next(iter([*telling, *self._errors]), "")

    def forget_errors(self) -> None:
        """What was complained of until here did no harm."""
        self._errors.clear()

    def error_like(self, patterns: Sequence[str]) -> bool:
        """Whether one of the last errors holds one of the patterns."""
        return any(re.search(pattern, line, re.IGNORECASE) for line in self._errors for pattern in patterns)

    def quiet(self) -> None:
        """Keep errors only from here on."""
        self._keep = False
        self._lines.clear()


def _library(name: str) -> ctypes.CDLL:
    import llama_cpp

    folder = Path(llama_cpp.__file__).parent / "lib"
    for suffix in ("so", "dylib", "dll"):
        path = folder / f"lib{name}.{suffix}"
        if path.exists():
            return ctypes.CDLL(str(path))
    raise OSError(f"no lib{name} in llama_cpp/lib")


def _text(library: str, function: str) -> str:
    try:
        call = getattr(_library(library), function)
    except (OSError, AttributeError):
        return "unknown"
    call.restype = ctypes.c_char_p
    return str((call() or b"unknown").decode(errors="replace"))


def engine_version() -> str:
    """ggml's version: llama.cpp's shared library carries no number of its own."""
    return f"ggml {_text('ggml-base', 'ggml_version')}"


def package() -> str:
    """The distribution that carries the engine, with its version."""
    return f"llama-cpp-python {version('llama-cpp-python')}"


def commit() -> str:
    """The commit that the build names."""
    return _text("ggml-base", "ggml_commit")


def system_info(engine: Any) -> dict[str, Scalar]:
    """The build's features as `{"CPU.AVX2": True, …}` from llama_print_system_info."""
    flags: dict[str, Scalar] = {
        "supports_gpu_offload": bool(engine.llama_supports_gpu_offload()),
        "supports_mmap": bool(engine.llama_supports_mmap()),
        "supports_mlock": bool(engine.llama_supports_mlock()),
    }
    return flags | features_of(engine.llama_print_system_info().decode(errors="replace"))


def features_of(text: str) -> dict[str, Scalar]:
    """The features that a build prints: `CPU : SSE3 = 1 | AVX2 = 1 | …`."""
    found: dict[str, Scalar] = {}
    backend = ""
    for part in text.split("|"):
        name, equals, value = part.partition("=")
        if ":" in name:
            backend, _, name = (piece.strip() for piece in name.partition(":"))
        if equals and name.strip():
            value = value.strip()
            found[f"{backend}.{name.strip()}"] = {"1": True, "0": False}.get(value, value)
    return found


def devices() -> tuple[Listed, ...]:
    """Every device that this build can use, as ggml lists them."""
    return ggml_devices.listed(_library("ggml"), _library("ggml-base"))
