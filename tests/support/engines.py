"""What the tests of real engines share in the user's cache: made once."""

from __future__ import annotations

import fcntl
import functools
import subprocess

from harness import paths
from harness.catalog import fetch, models
from harness.progress import SILENT
from harness.run.bench import backend_of
from harness.run.prepare import environments
from tests.support.forked import PROGRAM

MODELS = ("gemma-3-270m-q4_k_m", "smollm2-135m-instruct-q4_1")
RUNTIMES = ("llama.cpp", "pytorch", "vllm", "openvino", "mlx", "mistralrs")  # whose environments are measured


def whole(runtime: str) -> bool:
    """Whether its environment is there, with the program that its recipe has."""
    place = environments.place(paths.cache(), runtime, backend_of(runtime, "auto"))
    return place.installed() is not None and place.has_program


@functools.cache
def ready() -> None:
    """llama.cpp, which most of them run or ask for its ids, and the two models that are measured."""
    cache = paths.cache()
    shared = cache / "peers"
    shared.mkdir(parents=True, exist_ok=True)
    # A command refuses a second install or fetch of the same thing: of two processes of tests the second waits.
    with (shared / "tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in MODELS:
            fetch.fetch(models.load(name), cache, SILENT)
        if not whole("llama.cpp"):
            subprocess.run([*PROGRAM, "runtime", "install", "llama.cpp"], check=True)
