"""Recipes that treat modules unlike, and what is computed beside the weights: a label says no more and no less."""

import pytest

from harness.catalog import model_folder, quantised, weights
from tests.support import model_headers
from tests.support.model_headers import LLAMA

IN, OUT = 256, 512
UP = "model.layers.0.mlp.up_proj"
PLAIN = {"model.embed_tokens.weight": ("BF16", (1000, IN)), "model.norm.weight": ("BF16", (IN,))}
INT4 = {"num_bits": 4, "type": "int", "group_size": 128, "strategy": "group", "symmetric": True}
FP8 = {"num_bits": 8, "type": "float", "strategy": "channel"}
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False, "sym": True}
ROUND = {"quant_method": "auto-round", "bits": 4, "group_size": 128, "sym": True, "data_type": "int"}
BLOCKS = {
    "quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3", "scale_fmt": "ue8m0", "weight_block_size": [128, 128],
}  # fmt: skip


def scheme(found, **beside):
    return quantised.scheme({"quantization_config": found, **beside})


def read(tmp_path, quantisation, module, **config):
    tensors = PLAIN | {f"{UP}.{name}": tensor for name, tensor in module.items()}
    whole = LLAMA | {"quantization_config": quantisation} | config
    return model_folder.header(model_headers.folder(tmp_path / "m", tensors, whole))


WORDS = {
    "qweight": ("I32", (IN // 8, OUT)), "scales": ("F16", (IN // 128, OUT)), "qzeros": ("I32", (IN // 128, OUT // 8)),
}  # fmt: skip


@pytest.mark.parametrize(
    ("found", "label"),
    [
        (GPTQ | {"dynamic": {"-:.*gate.*": {}}}, "GPTQ-int4-g128"),
        (GPTQ | {"dynamic": {"+:.*down.*": {"bits": 8}}}, "GPTQ-int4-g128-mixed"),
        (GPTQ | {"dynamic": {"-:.*gate.*": {}, ".*down.*": {"bits": 8}}}, "GPTQ-int4-g128-mixed"),
        (ROUND | {"extra_config": {"lm_head": {"bits": 16, "data_type": "fp"}}}, "AutoRound-int4-g128"),
        (ROUND | {"extra_config": {"lm_head": {"bits": 8}}}, "AutoRound-int4-g128-mixed"),
    ],
)
def test_modules_that_are_left_whole_make_no_mixture(found, label):
    assert scheme(found).label == label


def test_a_recipe_that_leaves_modules_whole_is_counted_without_an_order(tmp_path):
    header = read(tmp_path, GPTQ | {"dynamic": {"-:.*gate.*": {}}}, WORDS)
    assert weights.parameters(header.tensors) == 1000 * IN + IN + IN * OUT


@pytest.mark.parametrize(
    ("found", "label"),
    [
        (ROUND | {"act_bits": 8}, "AutoRound-int4-a8-g128"),
        (ROUND | {"act_bits": 16}, "AutoRound-int4-g128"),
        (ROUND | {"data_type": "nv_fp", "group_size": 16, "act_bits": 4}, "AutoRound-nv_fp4-a4-g16"),
        ({"quant_method": "quanto", "weights": "int8", "activations": "int8"}, "quanto-int8-a8"),
        ({"quant_method": "quanto", "weights": "int8", "activations": None}, "quanto-int8"),
    ],
)
def test_activations_of_few_bits_are_in_the_label(found, label):
    assert scheme(found).label == label


def compressed(groups, **more):
    return scheme({"quant_method": "compressed-tensors", "config_groups": groups, **more})


def test_attention_of_few_bits_is_no_group_of_weights():
    attention = {"targets": ["LlamaAttention"], "weights": None, "input_activations": FP8}
    found = compressed({"group_0": {"targets": ["Linear"], "weights": INT4}, "group_1": attention})
    assert (found.label, found.bits, found.group) == ("compressed-tensors-w4a16-g128", 4, 128)
    assert found.details == {"attention": "fp8"}


def test_rotations_are_told():
    found = compressed({"a": {"weights": INT4}}, transform_config={"config_groups": {"R1": {"type": "hadamard"}}})
    assert (found.label, found.details) == ("compressed-tensors-w4a16-g128", {"transforms": "hadamard"})


def test_activations_of_sixteen_bits_are_none():
    found = compressed({"a": {"weights": INT4, "input_activations": {"num_bits": 16, "type": "float"}}})
    assert (found.label, found.details) == ("compressed-tensors-w4a16-g128", {})


def test_mixtures_of_groups_are_told_apart_by_their_labels():
    dynamic = FP8 | {"dynamic": True}
    two = compressed({"a": {"weights": INT4}, "b": {"weights": FP8, "input_activations": dynamic}})
    assert two.label == "compressed-tensors-mixed-w4a16-g128+w8a8-fp8-channel-dynamic"
    many = compressed({str(n): {"weights": INT4 | {"group_size": 2**n}} for n in range(4, 9)})
    assert many.label == "compressed-tensors-mixed-of-5"
    assert "w4a16-g16" in many.details["groups"]


def test_exponents_as_scales_and_experts_of_another_type_are_told(tmp_path):
    """DeepSeek V3.1's scales are powers of two; V4's experts are packed to four bits, two in a byte."""
    assert scheme(BLOCKS).details == {"scales": "ue8m0"}
    assert scheme(BLOCKS, expert_dtype="fp8").label == "FP8-e4m3-b128x128-dynamic"
    module = {"weight": ("I8", (OUT, IN // 2)), "scale": ("F8_E8M0", (OUT, IN // 32))}
    header = read(tmp_path, BLOCKS, module, expert_dtype="fp4")
    assert weights.quantisation(header) == "FP8-e4m3-b128x128-dynamic-fp4-experts"
    assert weights.parameters(header.tensors) == 1000 * IN + IN + IN * OUT


def test_awq_in_marlin_s_layout_is_not_refused(tmp_path):
    module = {"qweight": ("I32", (IN // 16, OUT * 2)), "scales": ("F16", (IN // 128, OUT))}
    found = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": False, "version": "marlin"}
    header = read(tmp_path, found, module)
    assert weights.quantisation(header) == "AWQ-int4-g128"
    assert weights.bytes_per_token(header) == sum(t.n_bytes for t in header.tensors)


def test_the_head_s_bits_of_exllama_are_a_detail():
    assert scheme({"quant_method": "exl3", "bits": 3.5, "head_bits": 6}).details == {"head_bits": 6}


def ao(kind, **data):
    return {"_type": kind, "_version": 1, "_data": data}


def dtype(name):
    return {"_type": "torch.dtype", "_data": name}


GROUP, ROW, AXIS = ao("PerGroup", group_size=32), ao("PerRow"), ao("PerAxis", axis=0)
INTX = ao("Int8DynamicActivationIntxWeightConfig", weight_dtype=dtype("int4"), weight_granularity=GROUP)
TORCHAO = {
    "torchao-int4_weight_only-g32": ao("IntxWeightOnlyConfig", weight_dtype=dtype("int4"), granularity=GROUP),
    "torchao-int8_weight_only-channel": ao("IntxWeightOnlyConfig", weight_dtype=dtype("int8"), granularity=AXIS),
    "torchao-int8_dynamic_activation_int4_weight-g32": INTX,
    "torchao-float8_dynamic_activation_float8_weight-row": ao(
        "Float8DynamicActivationFloat8WeightConfig", granularity=[ROW, ROW]
    ),
    "torchao-int8_weight_only": ao(
        "FqnToConfig", fqn_to_config={"re:.*": ao("Int8WeightOnlyConfig"), "lm_head": None}
    ),
    "torchao-mixed": ao(
        "ModuleFqnToConfig", module_fqn_to_config={"_default": INTX, "model.embed_tokens": ao("Int8WeightOnlyConfig")}
    ),
}  # fmt: skip


@pytest.mark.parametrize("label", TORCHAO)
def test_torchao_s_width_and_granularity_are_in_the_label(label):
    found = scheme({"quant_method": "torchao", "quant_type": {"default": TORCHAO[label]}})
    assert found.label == label
    assert found.bits == next((int(n) for n in "48" if f"int{n}_weight" in label or f"float{n}_weight" in label), None)
    assert found.mixed == (label == "torchao-mixed")


def test_what_torchao_keeps_beside_its_weights_is_no_parameter(tmp_path):
    found = {"quant_method": "torchao", "quant_type": {"default": ao("Int8WeightOnlyConfig")}}
    module = {
        "_weight_qdata": ("I8", (OUT, IN)),
        "_weight_scale": ("F32", (OUT,)),
        "_weight_zero_point": ("F32", (OUT,)),
    }
    assert weights.parameters(read(tmp_path, found, module).tensors) == 1000 * IN + IN + IN * OUT
