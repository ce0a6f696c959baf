"""What the tests of real engines share in the user's cache: made once."""

from __future__ import annotations

import functools
import subprocess

from harness import paths
from harness.catalog import fetch, models
from harness.progress import SILENT
from harness.run.bench import backend_of
from harness.run.prepare import environments
from tests.support.forked import PROGRAM

MODELS = ("gemma-3-270m-q4_k_m", "smollm2-135m-instruct-q4_1")


@functools.cache
def ready() -> None:
    """llama.cpp, which most of them run or ask for its ids, and the two models that are measured."""
    place = environments.place(paths.cache(), "llama.cpp", backend_of("llama.cpp", "auto"))
    for name in MODELS:
        fetch.fetch(models.load(name), paths.cache(), SILENT)
    if place.installed() is None or not place.has_program:
        subprocess.run([*PROGRAM, "runtime", "install", "llama.cpp"], check=True)
