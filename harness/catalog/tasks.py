"""Refuses models that do not continue a text token by token: encoders, rerankers, encoder-decoders, diffusion, heads for drafts.

An engine may load one all the same, make up the head that it lacks, and time what means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.catalog.gguf import Header
from harness.errors import BadInput

FIX = "take a language model"
# `architectures` of transformers: what has a head for the next token ends so.
_CONTINUES = re.compile(r"(?:ForCausalLM|LMHeadModel|ForConditionalGeneration)$")
# Names of classes that tell what else a model is for; of others nothing is said.
_OTHER = re.compile(
    r"For(?:MaskedLM|SequenceClassification|TokenClassification|QuestionAnswering|PreTraining|NextSentencePrediction"
    r"|SpeechSeq2Seq|CTC|AudioClassification|ImageClassification|Embedding|RewardModel|CausalLMEagle\w*|CausalLMNextN)$"
    r"|^(?:\w*Bert\w*|Roberta|XLMRoberta|MPNet|Gemma3?Text|T5Encoder|New|CLIP|Siglip\w*|Whisper)Model$|Eagle\w*$"
)
# llama.cpp's (MODEL_ARCH_NAMES) without a cache of what was said: encoders, encoder-decoders, diffusion, sound and images.
_GGUF = frozenset(
    "bert nomic-bert nomic-bert-moe neo-bert modern-bert jina-bert-v2 jina-bert-v3 eurobert gemma-embedding t5 t5encoder clip "
    "whisper wavtokenizer-dec dream llada llada-moe rnd1 llama-embed".split()
)


def refuse_gguf(header: Header, where: str) -> None:
    """Raises `BadInput` for an architecture that makes no text, and for one that looks ahead."""
    architecture = header.text("general.architecture") or ""
    if architecture in _GGUF:
        raise BadInput(f"{architecture} does not continue a text token by token", where=where, fix=FIX)
    if header.metadata.get(f"{architecture}.attention.causal") is False:
        raise BadInput("its attention is not causal: it makes no text", where=where, fix=FIX)


def refuse_folder(config: Mapping[str, Any], where: str) -> None:
    """Raises `BadInput` for what config.json says is made for another task; not where it says nothing."""
    named = config.get("architectures")
    names = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    if config.get("is_encoder_decoder") is True:
        what = names[0][:60] if names else "an encoder-decoder"
        raise BadInput(f"it is {what}, which encodes a text or a sound before it makes another", where=where, fix=FIX)
    if names and not any(map(_CONTINUES.search, names)) and any(map(_OTHER.search, names)):
        raise BadInput(f"it is {names[0][:60]}, which does not continue a text token by token", where=where, fix=FIX)
