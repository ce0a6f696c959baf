"""What a layer keeps, by architecture: known as the engine does it, or unknown with a reason; never a guess."""

from dataclasses import replace

import pytest

from harness.catalog.gguf import Header, Tensor
from harness.catalog.scheme import Scheme
from harness.fit import folders
from harness.fit.caches import kept
from harness.fit.reading import shape_of
from harness.fit.windows import windows


def header(arch, version=3, scheme=None, tensors=(), **numbers):
    metadata = {"general.architecture": arch} | {f"{arch}.{n.replace('__', '.')}": v for n, v in numbers.items()}
    return Header(version, metadata, tuple(tensors), 0, "", None, scheme)


ATTENTION = {"embedding_length": 1024, "attention__head_count": 16, "attention__head_count_kv": 4}


@pytest.mark.parametrize(
    ("arch", "window", "whole"),
    [
        ("gemma2", 4096, [1, 3, 5, 7]),
        ("gemma3", 1024, [5]),
        ("cohere2", 4096, [3, 7]),
        ("gpt-oss", 128, [1, 3, 5, 7]),
        ("llama4", 8192, [3, 7]),
        ("olmo2", 4096, [3, 7]),
        ("smallthinker", 4096, [0, 4]),
        ("gemma3n", 512, [4]),
        ("plamo3", 2048, [7]),
    ],
)
def test_the_engines_own_pattern_says_which_layers_slide(arch, window, whole):
    found = windows(header(arch, attention__sliding_window=window), 8)
    assert [i for i, one in enumerate(found) if not one] == whole
    assert set(found) == {0, window}


@pytest.mark.parametrize("arch", ["llama", "phi3", "qwen2", "mistral3"])
def test_a_stated_window_that_the_engine_ignores_is_no_window(arch):
    assert windows(header(arch, attention__sliding_window=4096), 4) == (0, 0, 0, 0)


def test_a_listed_pattern_is_taken_and_one_that_lacks_layers_is_not():
    listed = (True, True, False, True)
    assert windows(header("gemma4", attention__sliding_window=512, attention__sliding_window_pattern=listed), 4) == (
        512, 512, 0, 512,
    )  # fmt: skip
    assert (
        windows(header("gemma4", attention__sliding_window=512, attention__sliding_window_pattern=(True,)), 4) is None
    )
    assert windows(header("mimo2", attention__sliding_window=128), 4) is None
    assert windows(header("gemma3", attention__sliding_window=512, attention__sliding_window_pattern=3), 6) == (
        512, 512, 0, 512, 512, 0,
    )  # fmt: skip


def test_a_small_exaone4_has_no_window_and_the_large_one_has():
    assert not any(windows(header("exaone4", attention__sliding_window=4096), 30))
    assert sum(map(bool, windows(header("exaone4", attention__sliding_window=4096), 64))) == 48


@pytest.mark.parametrize(
    ("arch", "numbers"),
    [
        ("nobody-knows", ATTENTION),
        ("glm-dsa", ATTENTION),  # an indexer of its own
        ("mllama", ATTENTION),  # layers for images
        ("llama", {"embedding_length": 1024}),  # no heads
        ("gemma4", ATTENTION | {"attention__sliding_window": 512}),  # it must list its layers
        ("mamba", {"embedding_length": 1024, "ssm__inner_size": 2048}),  # no size of the state
        ("granitehybrid", ATTENTION | {"ssm__conv_kernel": 4, "ssm__inner_size": 8, "ssm__state_size": 8}),  # no list
        ("lfm2", ATTENTION | {"attention__head_count_kv": (4, 0, 4, 0)}),  # no length of its convolution
        ("nemotron_h", ATTENTION | {"ssm__conv_kernel": 4, "ssm__inner_size": 8, "ssm__state_size": 8,
                                    "attention__head_count_kv": (4, 0, 0, 0)}),
        ("llama", ATTENTION | {"attention__kv_lora_rank": 512}),
        ("rwkv7", {"embedding_length": 1024}),
    ],
)  # fmt: skip
def test_what_is_not_known_is_unknown_with_a_reason(arch, numbers):
    reason = kept(header(arch, **numbers), 4)
    assert isinstance(reason, str)
    assert reason


def test_an_unknown_cache_is_no_number_in_the_estimate():
    shape = shape_of(
        header("nobody-knows", block_count=2, **ATTENTION, tensors=[Tensor("blk.0.x.weight", (8, 8), "F32", 256, 0)])
    )
    assert shape.unknown == "how nobody-knows lays out its cache is not known"
    assert shape.weight_bytes == 256


def test_a_folder_is_not_read_as_a_gguf():
    assert isinstance(kept(header("llama", scheme=Scheme("awq", "AWQ-int4", 4, 128), **ATTENTION), 4), str)


def test_layers_that_read_earlier_caches_keep_nothing():
    pattern = (True, False) * 2
    found = kept(
        header("gemma4", attention__sliding_window=512, attention__sliding_window_pattern=pattern,
               attention__shared_kv_layers=2, attention__key_length=512, attention__value_length=512,
               attention__key_length_swa=256, attention__value_length_swa=256, **ATTENTION), 4,
    )  # fmt: skip
    assert [(one.k, one.window) for one in found] == [(1024, 512), (2048, 0), (0, 0), (0, 0)]
    found = kept(header("gemma3n", attention__sliding_window=512, **ATTENTION), 30)
    assert [i for i, one in enumerate(found) if not one.k] == list(range(20, 30))


def test_a_compressed_cache_keeps_one_row():
    numbers = {"attention__key_length": 576, "attention__value_length": 512, "attention__kv_lora_rank": 512}
    both = {"attention__key_length_mla": 192, "attention__value_length_mla": 128}
    one, *_ = kept(header("deepseek2", **ATTENTION | {"attention__head_count_kv": 1}, **numbers, **both), 4)
    assert (one.k, one.v) == (576, 0)


def test_states_are_the_engines():
    mamba = {"embedding_length": 2560, "ssm__conv_kernel": 4, "ssm__inner_size": 5120, "ssm__state_size": 16}
    assert kept(header("mamba", **mamba), 1)[0].state == 3 * 5120 + 16 * 5120
    assert kept(header("mamba2", **mamba, ssm__group_count=2), 1)[0].state == 3 * (5120 + 4 * 16) + 16 * 5120
    assert kept(header("rwkv6", embedding_length=2048, wkv__head_size=64), 1)[0].state == 2048 * (2 + 64)
    assert (
        kept(header("arwkv7", embedding_length=2048, wkv__head_size=64, token_shift_count=1), 1)[0].state == 2048 * 65
    )
    lfm2 = kept(header("lfm2", **ATTENTION | {"attention__head_count_kv": (0, 4)}, shortconv__l_cache=3), 2)
    assert [(one.k, one.state) for one in lfm2] == [(0, 2048), (256, 0)]


def test_every_fourth_layer_of_a_qwen3next_has_attention():
    found = kept(
        header(
            "qwen3next", **ATTENTION, ssm__conv_kernel=4, ssm__inner_size=4096, ssm__state_size=128, ssm__group_count=16
        ),
        8,
    )
    assert [i for i, one in enumerate(found) if one.k] == [3, 7]
    assert {one.state for one in found if not one.k} == {3 * (4096 + 2 * 16 * 128) + 128 * 4096}


# --- folders of safetensors, as transformers and vLLM lay them out


def config(arch="llama", **numbers):
    return header(arch, version=0, block_count=4, **ATTENTION | numbers)


def test_a_plain_folder_keeps_keys_and_values_of_each_token():
    found = folders.caches(config())
    assert folders.bytes_of(found, 1000, 2) == 4 * 2 * 256 * 1000 * 2


def test_layers_with_a_window_keep_no_more_than_that():
    kinds = ("sliding_attention", "full_attention") * 2
    found = folders.caches(config("gemma2", attention__sliding_window=100, attention__layer_types=kinds))
    assert folders.bytes_of(found, 1000, 2) == 2 * 2 * 256 * (1000 + 100) * 2


@pytest.mark.parametrize(
    "numbers",
    [
        {"attention__sliding_window": 100},  # which layers?
        {"attention__sliding_window": 100, "attention__layer_types": ("sliding_attention",)},
        {"ssm__state_size": 16},
        {"attention__kv_lora_rank": 512},
        {"attention__head_count": 0},
    ],
)
def test_a_folder_that_does_not_say_enough_is_unknown(numbers):
    assert isinstance(folders.caches(config(**numbers)), str)


def test_a_compressed_cache_is_one_row_a_token_for_both_engines():
    numbers = {"attention__kv_lora_rank": 512, "attention__qk_rope_length": 64}
    assert folders.bytes_of(folders.caches(config("deepseek_v3", **numbers)), 1, 2) == 4 * (512 + 64) * 2


def test_a_gguf_to_be_converted_has_what_its_conversion_will_have():
    plain = header("llama", block_count=4, **ATTENTION)
    assert folders.bytes_of(folders.caches(plain), 10, 2) == 4 * 512 * 10 * 2
    state = header("mamba", block_count=4, embedding_length=8, ssm__conv_kernel=4, ssm__inner_size=8, ssm__state_size=8)
    assert isinstance(folders.caches(state), str)
    assert isinstance(folders.caches(replace(plain, metadata={"general.architecture": "x"})), str)
