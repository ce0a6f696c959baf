"""The time of a token as physics has it: bytes over bandwidth, operations over arithmetic, and a fixed cost. Pure.

decode: fixed cost + (weights + KV cache at this depth) / (efficiency × bandwidth). Devices that share the layers work one after
the other, so that a split reads at the bandwidth of one device.
prefill: operations / (efficiency × arithmetic), and the weights once for each batch of the prompt.
"""

from __future__ import annotations

import math

from harness.forecast.values import Hardware, Kind, Task, Work

BATCH = 512  # tokens that an engine computes at once, by llama.cpp's default
# Operations that a device does in the time of reading a byte, where nobody published its arithmetic. The pooled efficiencies
# correct it by family and generation; what is left is in the width.
OPERATIONS_A_BYTE = 100.0
SMALL, LEAST_OF_SMALL, LEAST_OF_LARGE = 3e9, 0.75, 0.88


def ideal_seconds(hardware: Hardware, work: Work, task: Task) -> float:
    """Of one token at an efficiency of 1, without the fixed cost. The KV cache is counted at the middle of the task."""
    earlier = task.depth + task.tokens / 2
    if task.kind is Kind.DECODE:
        return (work.token_bytes + (work.cache_bytes or 0.0) * earlier) / hardware.bandwidth_bytes_per_s
    operations = 2 * work.active_parameters + 4 * work.attention_width * earlier
    reading = work.file_bytes / hardware.bandwidth_bytes_per_s / min(task.tokens, BATCH)
    return operations / arithmetic(hardware) + reading


def cache_share(hardware: Hardware, work: Work, task: Task, ideal: float) -> float:
    """Of the physical time of a token, 0 to 1: what reading the KV cache for it is or, in a prompt, would be. `ideal`: its
    `ideal_seconds`.
    """
    cache = (work.cache_bytes or 0.0) * (task.depth + task.tokens / 2) / hardware.bandwidth_bytes_per_s
    return cache / (ideal if task.kind is Kind.DECODE else cache + ideal)


def most_per_s(hardware: Hardware, work: Work, task: Task) -> float:
    """Tokens/s that nothing exceeds; infinite where nothing bounds the device. A prompt is computed by all devices at once.

    Of a file an embedding that is looked up is not read: at most a quarter of a small model, an eighth of a larger one.
    """
    if not hardware.bounded:
        return math.inf
    earlier = task.depth + task.tokens / 2
    if task.kind is Kind.DECODE:
        least = work.token_bytes * (LEAST_OF_SMALL if work.parameters < SMALL else LEAST_OF_LARGE)
        return hardware.bandwidth_bytes_per_s / (least + (work.cache_bytes or 0.0) * task.depth)
    if hardware.peak_flops is None:
        return math.inf
    least = LEAST_OF_SMALL if work.parameters < SMALL else LEAST_OF_LARGE
    return (
        hardware.count * hardware.peak_flops / (2 * work.active_parameters * least + 2 * work.attention_width * earlier)
    )


def arithmetic(hardware: Hardware) -> float:
    """Operations a second of the fastest type, or what stands for them: as its like have, by bandwidth, or as nobody has."""
    return hardware.known_flops or hardware.bandwidth_bytes_per_s * OPERATIONS_A_BYTE


def bandwidth_ratio(this_bytes_per_s: float, hub_bytes_per_s: float) -> float:
    """What the bandwidths of two devices would make of a decode rate: this one's over the hub's."""
    return this_bytes_per_s / hub_bytes_per_s


def usual_layers(parameters: float) -> float:
    """Of a dense model of so many parameters, where its layers are not known: 16 of a half, 32 of 7, 64 of 70 billion."""
    return 32.0 * math.pow(parameters / 7e9, 0.3)


def log_depth(task: Task) -> float:
    """0 without a depth; 1 at about 7,000 tokens."""
    return math.log1p(task.depth / 4096)
