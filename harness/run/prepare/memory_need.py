"""How much of this machine's memory a run will hold: asked for before it, and never more than this process needs."""

from __future__ import annotations

from collections.abc import Mapping

from harness.capture.memory import read_memory, usable_bytes
from harness.capture.source import this_machine
from harness.errors import NotEnoughSpace
from runtimes.interface import Runtime, Scalar

BESIDE = 1.2  # cache and buffers beside the weights
# Backends whose devices have memory of their own: weights there pass through the page cache. Metal's is ours.
OWN_MEMORY = frozenset(("cuda", "rocm", "vulkan"))


def held_bytes(
    runtime: Runtime, backend: str, given: Mapping[str, Scalar], weights_bytes: int, layers: int | None
) -> int:
    """Bytes of main memory for a model of that size; none for a server's, a simulation's or a GPU's share of it.

    `layers` is how many blocks the model has, None where its file does not tell.
    """
    if not runtime.capabilities.holds_model:
        return 0
    whole = round(BESIDE * weights_bytes)
    device = str(given.get("device") or "auto")
    if device.startswith("cuda"):
        return 0
    if backend not in OWN_MEMORY or device == "cpu":
        return whole
    on_gpu = given.get("gpu_layers")
    if not isinstance(on_gpu, int) or on_gpu < 0 or (layers is not None and on_gpu > layers):
        return 0  # all layers, by default or by name
    return whole * max(layers - on_gpu, 0) // layers if layers else whole


def refuse_if_short(needed: int, file: str) -> None:
    """Raises `NotEnoughSpace` where the machine has less than that to give."""
    free = usable_bytes(read_memory(this_machine())) if needed else 0
    if free < needed:
        raise NotEnoughSpace(
            f"the model needs about {needed >> 20} MiB of memory and {free >> 20} MiB are free",
            where=file,
            fix="close other programs, or take a smaller model",
        )
