"""What part of a model a tensor is, by its name in a GGUF or in a folder of safetensors. Pure.

Names: MODEL_TENSORS of llama.cpp's gguf package, and the modules of transformers and vLLM.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from enum import Enum
from functools import lru_cache


class Role(Enum):
    """What a decode step of a text token does with a tensor."""

    BODY = "read whole"
    EXPERTS = "of these the chosen are read"
    HEAD = "the output head, read whole"
    EMBEDDING = "one row is read, or all where it is the head, too"
    LOOKUP = "some rows are read"
    UNREAD = "of a tower, a projector, a draft or next-token layer, or of layers for images only"
    UNKNOWN = "nobody knows"


# Parts of a name before the first layer's number. What sees, hears, speaks or drafts is not part of a text token's step.
_TOWER = re.compile(
    r"vision|visual|audio|image|speech|sound|video|^vit$|^vpm$|^img_|img_proj|multi_?modal|^mm$|^mm_|mm_projector|projector"
    r"|^v$|^a$|^mlp1$|^connector$|modality|resampler|aligner|patch_|^talker$|token2wav|code2wav|vqmodel|^gen_|embed_tokens_extend"
    r"|^apm$|^tts$|adapter"
)
_DRAFT = re.compile(r"mtp|nextn|medusa|eagle|draft|^d2t$|^t2d$|^eh_proj\.|^shared_head\.")
_LAYER = re.compile(r"(?:^|\.)(?:layers|blk|h|blocks|block)\.(\d+)\.(.+)$")
# What a module of a language model may be called on the way to its own parts.
_OUTER = r"(?:(?:model|language_model|text_model|transformer|decoder|lm|llm|backbone|thinker|gpt_neox|rwkv)\.)*"
_EMBEDDING = re.compile(
    rf"^{_OUTER}(?:embed_tokens|wte|word_embeddings|embed_in|tok_embeddings|embeddings?|token_embd)\."
)
_HEAD = re.compile(rf"^{_OUTER}(?:lm_head|embed_out|output|head)\.(?!norm)")
_LOOKUP = re.compile(
    rf"^{_OUTER}(?:per_layer_token_embd|embed_tokens_per_layer|position_embd|wpe|embed_positions|token_types|position_embeddings)\."
)
_PLAIN = re.compile(
    rf"^{_OUTER}(?:\w*norm\w*|ln_f|ln_out|rope_\w+|rotary_emb|per_layer_\w+|altup_\w+|project_(?:in|out))(?:\.|$)"
)
_LORA = re.compile(r"lora_[AB]\.(?:vision|speech|audio)")
# GGUF stacks a layer's experts; mlx under switch_mlp, granite in one matrix for input and output; old GGUFs number theirs.
_EXPERTS = re.compile(
    r"_exps(?:\.|_|$)|(?:^|\.)experts[._]|^ffn_(?:gate|up|down)\.\d+\.|(?:^|\.)switch_(?:mlp|glu)\.|^block_sparse_moe\.(?:input|output)_linear\."
)
_SHARED = re.compile(r"shared_?expert|_shexp|shared_mlp")


@lru_cache(maxsize=1 << 17)
def _parts(name: str) -> tuple[str, int | None, str]:
    """What stands before a layer, the layer's number, and what stands behind it."""
    found = _LAYER.search(name)
    return (name, None, "") if found is None else (name[: found.start()], int(found[1]), found[2])


def draft_layers(names: Iterable[str]) -> frozenset[int]:
    """The layers that hold a part which only a draft or next-token layer has: such a layer drafts as a whole."""
    parts = (_parts(name) for name in names)
    return frozenset(number for _, number, inside in parts if number is not None and _DRAFT.search(inside))


def role(name: str, layers: int | None, unread: Collection[int] = ()) -> Role:
    """The role of the tensor called `name` in a model of `layers` layers for text, of which those in `unread` see no text.

    `layers` None: not known, then none is taken for a draft by its number.
    """
    before, number, inside = _parts(name)
    segments = before.split(".")
    if any(_TOWER.search(part) or _DRAFT.search(part) for part in segments) or _LORA.search(name):
        return Role.UNREAD
    if number is not None:
        if (layers is not None and number >= layers) or number in unread:
            return Role.UNREAD
        if _SHARED.search(inside):
            return Role.BODY
        return Role.EXPERTS if _EXPERTS.search(inside) else Role.BODY
    for pattern, kind in (
        (_LOOKUP, Role.LOOKUP),
        (_EMBEDDING, Role.EMBEDDING),
        (_HEAD, Role.HEAD),
        (_PLAIN, Role.BODY),
    ):
        if pattern.search(name):
            return kind
    return Role.UNKNOWN
