"""The work of a model, from its header: by the same rules as of a published row, so that efficiencies carry over. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from harness.catalog import weights
from harness.catalog.gguf import Header
from harness.errors import BadInput
from harness.fit.reading import shape_of
from harness.forecast.evidence import quantisation_class
from harness.forecast.values import Work, architecture_of

SAME = 0.03  # of log parameters: finetunes add a few tokens to a vocabulary


def work_of(header: Header, title: str, cache_bits: tuple[float, float], known: Iterable[Work]) -> Work:
    """`cache_bits`: of an element of K and of V; `known`: whose name it takes where architecture and parameters are theirs.

    Raises `BadInput` where it is not known what a token reads or keeps.
    """
    shape = shape_of(header)
    read, operations = weights.bytes_per_token(header), weights.operations_per_token(header)
    parameters = weights.parameters(header.tensors)
    if read is None or not operations or not parameters:
        reason = f"what a token of the architecture {shape.architecture} reads is not known, so nothing can be forecast"
        raise BadInput(reason, where=title, fix="measure it: repro bench")
    if shape.unknown:
        raise BadInput(f"{shape.unknown}, so nothing can be forecast", where=title, fix="measure it: repro bench")
    # Published sizes are of whole files: an embedding of its own counts there, and so it must here.
    table = 0 if shape.tied else shape.input_bytes
    full = [layer for layer in shape.layers if layer.k_elements and not layer.window]
    bits = sum(layer.k_elements * cache_bits[0] + layer.v_elements * cache_bits[1] for layer in full)
    return Work(
        model=same_model(shape.architecture, parameters, known),
        quantisation=quantisation_class(weights.quantisation(header)),
        experts=shape.experts_used > 0,
        token_bytes=float(read + table),
        file_bytes=float(shape.weight_bytes),
        parameters=float(parameters),
        active_parameters=operations / 2,
        cache_bytes=bits / 8,
        attention_width=float(len(full) * shape.query),
        layers=len(shape.layers) or None,
    )


def same_model(architecture: str, parameters: int, known: Iterable[Work]) -> str:
    """The name of the nearest measured model of this architecture, if its parameters are as many; else one of its own."""
    away = {
        abs(math.log(work.parameters / parameters)): work.model
        for work in known
        if architecture_of(work) == architecture
    }
    nearest = min(away, default=math.inf)
    return away[nearest] if nearest < SAME else f"{architecture} {parameters / 1e9:.3g}B"
