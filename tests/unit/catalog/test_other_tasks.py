"""Models that do not continue a text are refused before anything is fetched or loaded; language models never are."""

import pytest

from harness.catalog import model_folder
from harness.errors import BadInput
from runtimes.support.hf_folder import refuse_made_up
from tests.support import model_headers
from tests.support.model_headers import LLAMA

WEIGHTS = {"model.embed_tokens.weight": ("BF16", (16, 16))}


def folder(tmp_path, **config):
    return model_headers.folder(tmp_path / "m", WEIGHTS, LLAMA | config)


@pytest.mark.parametrize(
    "named",
    [
        "BertModel", "BertForMaskedLM", "XLMRobertaModel", "XLMRobertaForSequenceClassification", "NomicBertModel", "ModernBertForMaskedLM",
        "Qwen3ForSequenceClassification", "Gemma3TextModel", "LlamaForCausalLMEagle3", "LlamaForRewardModel", "CLIPModel", "NewModel",
    ],
)  # fmt: skip
def test_a_folder_made_for_another_task_is_refused(tmp_path, named):
    with pytest.raises(BadInput, match=f"it is {named}, which does not continue a text"):
        model_folder.header(folder(tmp_path, architectures=[named]))


@pytest.mark.parametrize("named", ["WhisperForConditionalGeneration", "T5ForConditionalGeneration"])
def test_an_encoder_decoder_is_refused(tmp_path, named):
    with pytest.raises(BadInput, match=f"it is {named}, which encodes"):
        model_folder.header(folder(tmp_path, architectures=[named], is_encoder_decoder=True))
    model_folder.header(
        folder(tmp_path, architectures=[named], is_encoder_decoder=True), to_run=False
    )  # `repro fit` reads on


@pytest.mark.parametrize(
    "named",
    [
        ["LlamaForCausalLM"], ["GPT2LMHeadModel"], ["Gemma3ForConditionalGeneration"], ["Qwen2_5OmniModel"], ["ChatGLMModel"], ["InternVLChatModel"],
        ["LlavaLlamaModel"], ["BitnetForCausalLM"], ["BertModel", "BertForCausalLM"], [], "text", None,
    ],
)  # fmt: skip
def test_what_may_be_a_language_model_is_not(tmp_path, named):
    assert model_folder.header(folder(tmp_path, architectures=named, is_encoder_decoder=False)).tensors


@pytest.mark.parametrize("architecture", ["bert", "t5", "nomic-bert-moe", "gemma-embedding", "llada", "llama-embed"])
def test_a_gguf_of_another_kind_is_refused(tmp_path, architecture):
    path = model_headers.gguf(
        tmp_path / "m.gguf", {"token_embd.weight": ("F16", (64, 64))}, {"general.architecture": architecture}
    )
    with pytest.raises(BadInput, match="does not continue a text token by token"):
        model_folder.header(path)
    assert model_folder.header(path, to_run=False).tensors


def test_a_gguf_that_looks_ahead_is_refused_and_one_that_pools_is_not(tmp_path):
    tensors = {"token_embd.weight": ("F16", (64, 64))}
    ahead = model_headers.gguf(
        tmp_path / "a.gguf", tensors, {"general.architecture": "qwen3", "qwen3.attention.causal": False}
    )
    pools = model_headers.gguf(tmp_path / "b.gguf", tensors, {"general.architecture": "qwen3", "qwen3.pooling_type": 3})
    with pytest.raises(BadInput, match="its attention is not causal"):
        model_folder.header(ahead)
    assert model_folder.header(pools).tensors


def test_weights_that_transformers_would_make_up_are_refused():
    refuse_made_up({"missing_keys": set(), "unexpected_keys": {"mtp.x"}}, "m")
    with pytest.raises(BadInput, match=r"lacks lm_head\.weight and 1 more: transformers would make it up"):
        refuse_made_up({"missing_keys": {"score.weight", "lm_head.weight"}}, "m")
