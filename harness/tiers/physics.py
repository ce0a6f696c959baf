"""What a device can't exceed: bounds on token rates, from its memory and arithmetic and from what the model reads and computes.

For one request at a time (batch size 1), each token computed by the model itself. A step then reads all weights that it uses and
the KV cache once, and a prompt's token takes a multiplication and an addition for every weight that it passes through. What
lifts a bound, so that it has to be known before anybody is accused:

- several requests at once share a reading of the weights: n requests lift the decode bound n times;
- speculative decoding and multi-token prediction: by the tokens accepted in a step;
- weights that stay in a cache on the chip: memory is no bound for them;
- 2:4 sparsity: arithmetic twice as fast as the dense peak.

A bound is for finding claims that can't be true. It says nothing of a rate below it.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import BadInput


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A bound in tokens/s, and in words where it comes from."""

    tokens_per_s: float
    text: str


def decode_ceiling(bandwidth_bytes_per_s: float, devices: int, bytes_per_token: float) -> float:
    """Tokens/s at most: devices × bandwidth / bytes that a token reads (weights in use and KV cache). Raises `BadInput`.

    n equal devices read n parts of the weights at the same time at best. For unlike ones pass the sum of their bandwidths as
    that of one.
    """
    _need(
        bandwidth_bytes_per_s > 0 and devices > 0 and bytes_per_token > 0, "a bandwidth, devices and bytes for a token"
    )
    return devices * bandwidth_bytes_per_s / bytes_per_token


def prefill_ceiling(peak_flops: float, devices: int, active_parameters: float) -> float:
    """Tokens/s at most: devices × peak / (2 × parameters), the two being a multiplication and an addition. Raises `BadInput`.

    `peak_flops` is that of the fastest type in which an engine may compute. `active_parameters` are those that a prompt's token
    passes through: of experts the chosen ones, without embedding and, in a prefill, without the head. Attention over the prompt
    comes on top and is left out, which only loosens the bound.
    """
    _need(peak_flops > 0 and devices > 0 and active_parameters > 0, "a peak, devices and parameters")
    return devices * peak_flops / (2 * active_parameters)


def impossible(rate: float, ceiling: Ceiling, margin: float) -> str:
    """Why `rate` (tokens/s) can't be, as a sentence for editors; "" where it can. `margin` 0.05 lets 5 % above the bound pass."""
    if rate <= ceiling.tokens_per_s * (1 + margin):
        return ""
    share = rate / ceiling.tokens_per_s
    return f"{rate:.1f} tokens/s is {share:.2f} times the {ceiling.tokens_per_s:.1f} that {ceiling.text} allows"


def _need(given: bool, what: str) -> None:
    if not given:
        raise BadInput(f"a bound needs {what}, each above 0", where="physics")
