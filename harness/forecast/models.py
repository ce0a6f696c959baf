"""The work of a model, from its header: by the same rules as of a published row, so that efficiencies carry over. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from harness.catalog import weights
from harness.catalog.gguf import Header
from harness.errors import BadInput
from harness.fit.reading import shape_of
from harness.forecast.evidence import quantisation_class
from harness.forecast.values import SAME, Work, architecture_of


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
    published, size, experts = tuple(known), float(shape.weight_bytes), shape.experts_used > 0
    name = same_model(shape.architecture, parameters, published)
    passed = passed_of(name, published) if experts else None
    if passed is not None:
        # Of a published mixture nobody knows more than its file's size and the parameters that a token passes through.
        token_bytes, active = size * passed / parameters, passed
    elif experts or shape.tied:
        token_bytes, active = float(read), operations / 2
    else:
        # Published sizes are of whole files: a table that is looked up counts there, and so it must here.
        token_bytes, active = float(read + shape.input_bytes), operations / 2 + shape.embedding * shape.vocabulary
    full = [layer for layer in shape.layers if layer.k_elements and not layer.window]
    bits = sum(layer.k_elements * cache_bits[0] + layer.v_elements * cache_bits[1] for layer in full)
    return Work(
        model=name,
        quantisation=quantisation_class(weights.quantisation(header)),
        experts=experts,
        token_bytes=token_bytes,
        file_bytes=size,
        parameters=float(parameters),
        active_parameters=active,
        cache_bytes=bits / 8,
        attention_width=float(len(full) * shape.query),
        layers=len(shape.layers) or None,
    )


def passed_of(name: str, known: Iterable[Work]) -> float | None:
    """The parameters that a token of this mixture passes through, as its published rows count them; None: there are none."""
    return max((work.active_parameters for work in known if work.model == name and work.experts), default=None)


def same_model(architecture: str, parameters: int, known: Iterable[Work]) -> str:
    """The name of the nearest measured model of this architecture, if its parameters are as many; else one of its own."""
    away = {
        abs(math.log(work.parameters / parameters)): work.model
        for work in known
        if architecture_of(work) == architecture
    }
    nearest = min(away, default=math.inf)
    return away[nearest] if nearest < SAME else f"{architecture} {parameters / 1e9:.3g}B"
