"""What a device can do at most with a model: bounds from its memory's bandwidth and its arithmetic. Pure.

For one request at a time without speculative decoding, which lifts the first bound by the tokens that are accepted a step; n
requests at once share a reading of the weights, so that it is lifted n times at most.
"""

from __future__ import annotations


def decode_ceiling(bandwidth_bytes_per_s: float, devices: int, bytes_per_token: float) -> float:
    """Tokens/s: each token reads every active weight once, and n devices read n times as fast."""
    return devices * bandwidth_bytes_per_s / bytes_per_token


def prefill_ceiling(peak_flops: float, devices: int, active_parameters: float) -> float:
    """Tokens/s: a multiplication and an addition for each active parameter and token."""
    return devices * peak_flops / (2 * active_parameters)
