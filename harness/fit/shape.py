"""What of a model decides its memory: the bytes of each layer, what each layer keeps of the past, the widths of its graph."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    """One block. It keeps `k_elements` and `v_elements` of each token that it can see, or a state of fixed size."""

    weight_bytes: int
    k_elements: int = 0
    v_elements: int = 0
    window: int = 0  # tokens that it looks back at; 0: the whole context
    state_elements: int = 0  # f32, once a sequence, whatever the context


@dataclass(frozen=True, slots=True)
class Shape:
    """A model as its header tells it. `unknown` says why the layers' caches are not known; they are all 0 then."""

    architecture: str
    layers: tuple[Layer, ...]
    input_bytes: int  # the embedding, read a row at a time
    output_bytes: int  # head and last norm; of a tied head a copy, where it lies elsewhere than the embedding
    tied: bool
    matrix_bytes: int  # the largest single tensor that a layer or the head multiplies with
    type_bytes: dict[str, int]  # by tensor type: matrices that an engine may rearrange for the processor
    embedding: int
    vocabulary: int
    heads: int
    query: int  # width of all heads' queries
    key_value: int  # width of the widest layer's keys and values together
    feed: int  # width of the feed-forward; of experts, all that a token passes side by side
    experts_used: int
    context_trained: int | None
    unknown: str = ""

    @property
    def weight_bytes(self) -> int:
        """All of it, once."""
        return self.input_bytes + (0 if self.tied else self.output_bytes) + sum(x.weight_bytes for x in self.layers)
