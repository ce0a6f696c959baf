"""Labels, parameters and bytes of quantised folders: from the configuration, checked against the tensors."""

import json

import pytest

from harness.catalog import model_folder, quantised, weights
from harness.catalog.identity import identify
from harness.errors import BadInput
from tests.support import model_headers
from tests.support.model_headers import LLAMA

IN, OUT = 256, 512
PLAIN = {
    "model.embed_tokens.weight": ("F16", (1000, IN)),
    "lm_head.weight": ("F16", (1000, IN)),
    "model.norm.weight": ("F16", (IN,)),
}
OTHERS = 2 * 1000 * IN + IN
UP = "model.layers.0.mlp.up_proj"


def words(rows, columns, group=128, *, order=False, kind="I32"):
    found = {
        "qweight": (kind, (rows, columns)),
        "scales": ("F16", (IN // group, OUT)),
        "qzeros": ("I32", (IN // group, OUT // 8)),
    }
    return found | ({"g_idx": ("I32", (IN,))} if order else {})


AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True, "version": "gemm"}
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False, "sym": True}
FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}
HALF_BYTES = {
    "weight": ("U8", (OUT, IN // 2)),
    "weight_scale": ("F8_E4M3", (OUT, IN // 16)),
    "weight_scale_2": ("F32", ()),
}


def compressed(weight, inputs=None, **more):
    groups = {"group_0": {"targets": ["Linear"], "weights": weight, "input_activations": inputs}}
    return {"quant_method": "compressed-tensors", "config_groups": groups, **more}


INT4 = {"num_bits": 4, "type": "int", "group_size": 128, "strategy": "group"}
PACKED = {
    "weight_packed": ("I32", (OUT, IN // 8)),
    "weight_scale": ("BF16", (OUT, IN // 128)),
    "weight_shape": ("I64", (2,)),
}
NF4 = {
    "weight": ("U8", (IN * OUT // 2, 1)), "weight.absmax": ("U8", (IN * OUT // 64,)), "weight.quant_map": ("F32", (16,)),
    "weight.nested_absmax": ("F32", (8,)), "weight.quant_state.bitsandbytes__nf4": ("U8", (80,)),
}  # fmt: skip

# what → (configuration, the module's tensors, label)
METHODS = {
    "AWQ": ({"quantization_config": AWQ}, words(IN, OUT // 8), "AWQ-int4-g128"),
    "w3a16, ten in a word": (
        {"quantization_config": compressed(INT4 | {"num_bits": 3})},
        {"weight_packed": ("I32", (OUT, -(-IN // 10))), "weight_scale": ("BF16", (OUT, IN // 128))},
        "compressed-tensors-w3a16-g128",
    ),
    "w6a16, five in a word": (
        {"quantization_config": compressed(INT4 | {"num_bits": 6})},
        {"weight_packed": ("I32", (OUT, -(-IN // 5))), "weight_scale": ("BF16", (OUT, IN // 128))},
        "compressed-tensors-w6a16-g128",
    ),
    "mxfp4 packed": (
        {"quantization_config": compressed({"num_bits": 4, "type": "float", "group_size": 32})},
        {"weight_packed": ("U8", (OUT, IN // 2)), "weight_scale": ("U8", (OUT, IN // 32))},
        "compressed-tensors-mxfp4a16",
    ),
    "fp8 in blocks, as a word": (
        {"quantization_config": compressed(
            {"num_bits": 8, "type": "float", "strategy": "block", "block_structure": "128x128"}, {"num_bits": 8, "type": "float"})},
        {"weight": ("F8_E4M3", (OUT, IN)), "weight_scale": ("BF16", (4, 2))}, "compressed-tensors-w8a8-fp8-b128x128",
    ),
    "modelopt nvfp4": (
        {"quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4", "group_size": 16}}, HALF_BYTES,
        "modelopt-NVFP4-g16",
    ),
    "modelopt int4": (
        {"quantization_config": {"quant_method": "modelopt", "quant_algo": "INT4_AWQ", "group_size": 128}},
        {"weight": ("U8", (OUT // 2, IN)), "weight_scale": ("F32", (OUT, IN // 128)), "pre_quant_scale": ("F16", (IN,))},
        "modelopt-INT4_AWQ-g128",
    ),
    "torchao int8": (
        {"quantization_config": {"quant_method": "torchao", "quant_type": {"default": {"_type": "Int8WeightOnlyConfig"}}}},
        {"weight": ("I8", (OUT, IN)), "weight_scale": ("F32", (OUT,))}, "torchao-int8_weight_only",
    ),
    "AWQ for vectors": (
        {"quantization_config": AWQ | {"version": "gemv"}},
        {"qweight": ("I32", (OUT, IN // 8)), "scales": ("F16", (OUT, 8)), "qzeros": ("I32", (OUT, 1))},
        "AWQ-int4-g128",
    ),
    "GPTQ": ({"quantization_config": GPTQ}, words(IN // 8, OUT, order=True), "GPTQ-int4-g128"),
    "GPTQ by activation": ({"quantization_config": GPTQ | {"desc_act": True}}, words(IN // 8, OUT, order=True), "GPTQ-int4-g128"),
    "GPTQ of 3 bits": ({"quantization_config": GPTQ | {"bits": 3}}, words(IN * 3 // 32, OUT), "GPTQ-int3-g128"),
    "GPTQ of 8 bits": ({"quantization_config": GPTQ | {"bits": 8}}, words(IN // 4, OUT), "GPTQ-int8-g128"),
    "GPTQ by channel": (
        {"quantization_config": GPTQ | {"group_size": -1}}, words(IN // 8, OUT, IN), "GPTQ-int4-channel",
    ),
    "AutoRound": (
        {"quantization_config": {"quant_method": "auto-round", "bits": 4, "group_size": 128, "sym": True}},
        words(IN // 8, OUT),
        "AutoRound-int4-g128",
    ),
    "FP8 in blocks": (
        {"quantization_config": FP8}, {"weight": ("F8_E4M3", (OUT, IN)), "weight_scale_inv": ("F32", (4, 2))},
        "FP8-e4m3-b128x128-dynamic",
    ),
    "FP8 of a tensor": (
        {"quantization_config": {"quant_method": "fp8", "activation_scheme": "static"}},
        {"weight": ("F8_E4M3", (OUT, IN)), "weight_scale": ("F32", ()), "input_scale": ("F32", ())},
        "FP8-e4m3-tensor-static",
    ),
    "FP8 of fbgemm": (
        {"quantization_config": {"quant_method": "fbgemm_fp8"}},
        {"weight": ("F8_E4M3", (OUT, IN)), "weight_scale": ("F32", (OUT, 1))},
        "FP8-e4m3-channel-dynamic",
    ),
    "w4a16": ({"quantization_config": compressed(INT4)}, PACKED, "compressed-tensors-w4a16-g128"),
    "w8a8 int": (
        {"quantization_config": compressed({"num_bits": 8, "type": "int"}, {"num_bits": 8, "type": "int"})},
        {"weight": ("I8", (OUT, IN)), "weight_scale": ("BF16", (OUT, 1))},
        "compressed-tensors-w8a8-int8",
    ),
    "w8a8 fp8": (
        {"compression_config": compressed({"num_bits": 8, "type": "float"}, {"num_bits": 8, "type": "float"})},
        {"weight": ("F8_E4M3", (OUT, IN)), "weight_scale": ("BF16", (OUT, 1))},
        "compressed-tensors-w8a8-fp8",
    ),
    "w8a8 int by channel": (
        {"quantization_config": compressed(
            {"num_bits": 8, "type": "int", "strategy": "channel", "group_size": None},
            {"num_bits": 8, "type": "int", "strategy": "token", "dynamic": True},
        )},
        {"weight": ("I8", (OUT, IN)), "weight_scale": ("BF16", (OUT, 1))},
        "compressed-tensors-w8a8-int8-channel-dynamic",
    ),
    "w8a8 fp8 of a tensor": (
        {"quantization_config": compressed(
            {"num_bits": 8, "type": "float", "strategy": "tensor"},
            {"num_bits": 8, "type": "float", "strategy": "tensor", "dynamic": False},
        )},
        {"weight": ("F8_E4M3", (OUT, IN)), "weight_scale": ("BF16", (1,)), "input_scale": ("BF16", (1,))},
        "compressed-tensors-w8a8-fp8-tensor-static",
    ),
    "nvfp4 packed": (
        {"quantization_config": compressed({"num_bits": 4, "type": "float", "group_size": 16}, {"num_bits": 4, "type": "float"})},
        {"weight_packed": ("U8", (OUT, IN // 2)), "weight_scale": ("F8_E4M3", (OUT, IN // 16)), "weight_global_scale": ("F32", (1,))},
        "compressed-tensors-nvfp4",
    ),
    "nvfp4 weights only": (
        {"quantization_config": compressed({"num_bits": 4, "type": "float", "group_size": 16})},
        {"weight_packed": ("U8", (OUT, IN // 2)), "weight_scale": ("F8_E4M3", (OUT, IN // 16))},
        "compressed-tensors-nvfp4a16",
    ),
    "bitsandbytes nf4": (
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}},
        NF4, "bitsandbytes-nf4",
    ),
    "bitsandbytes int8": (
        {"quantization_config": {"load_in_8bit": True}},
        {"weight": ("I8", (OUT, IN)), "SCB": ("F32", (OUT,)), "weight_format": ("U8", ())}, "bitsandbytes-int8",
    ),
    "gpt-oss": (
        {"quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}},
        {"experts.up_proj_blocks": ("U8", (1, OUT, IN // 32, 16)), "experts.up_proj_scales": ("U8", (1, OUT, IN // 32))},
        "MXFP4",
    ),
    "HQQ": (
        {"quantization_config": {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 4, "group_size": 64}}}},
        {"W_q": ("U8", (32, IN * OUT // 64)), "scale": ("F16", (1, IN * OUT // 64)), "zero": ("F16", (1, IN * OUT // 64))},
        "HQQ-int4-g64",
    ),
    "EETQ": (
        {"quantization_config": {"quant_method": "eetq", "weights": "int8"}},
        {"weight": ("I8", (IN, OUT)), "weight_scales": ("F16", (OUT,))}, "EETQ-int8",
    ),
    "AQLM": (
        {"quantization_config": {"quant_method": "aqlm", "in_group_size": 8, "out_group_size": 1, "num_codebooks": 1,
                                 "nbits_per_codebook": 16}},
        {"codes": ("I16", (OUT, IN // 8, 1)), "codebooks": ("F16", (1, 65536, 1, 8)), "scales": ("F16", (OUT, 1, 1, 1))},
        "AQLM-2bit-1x16-g8",
    ),
    "quanto": (
        {"quantization_config": {"quant_method": "quanto", "weights": "int8"}},
        {"weight._data": ("I8", (OUT, IN)), "weight._scale": ("F16", (OUT, 1)), "input_scale": ("F16", ())}, "quanto-int8",
    ),
    "mlx": (
        {"quantization": {"bits": 4, "group_size": 64}, "quantization_config": {"bits": 4, "group_size": 64}},
        {"weight": ("U32", (OUT, IN // 8)), "scales": ("F16", (OUT, IN // 64)), "biases": ("F16", (OUT, IN // 64))},
        "MLX-int4-g64",
    ),
    "exl2": (
        {"quantization_config": {"quant_method": "exl2", "bits": 4.25}},
        {"q_weight": ("I32", (34, OUT)), "q_invperm": ("I32", (IN,)), "q_scale": ("I32", (2, OUT // 8)),
         "q_groups": ("I16", (4,)), "q_scale_max": ("F16", (2,))},
        "EXL2-4.25bpw",
    ),
    "exl3": (
        {"quantization_config": {"quant_method": "exl3", "bits": 4.0}},
        {"trellis": ("I16", (IN // 16, OUT // 16, 64)), "suh": ("F16", (IN,)), "svh": ("F16", (OUT,))}, "EXL3-4bpw",
    ),
    "bitnet": (
        {"quantization_config": {"quant_method": "bitnet"}},
        {"weight": ("U8", (OUT // 4, IN)), "weight_scale": ("BF16", (1,))}, "BitNet-1.58bit",
    ),
}  # fmt: skip


def of(tmp_path, config, module, plain=PLAIN, **files):
    tensors = plain | {f"{UP}.{name}": tensor for name, tensor in module.items()}
    config = LLAMA | {"num_local_experts": 1, "num_experts_per_tok": 1} | config
    return model_headers.folder(tmp_path / "m", tensors, config, **files)


@pytest.mark.parametrize("what", METHODS)
def test_method_bits_and_group_come_from_the_configuration_and_parameters_are_the_model_s(tmp_path, what):
    config, module, label = METHODS[what]
    who = identify(tmp_path, of(tmp_path, config, module), tmp_path / "cache")
    assert who.quantisation == label
    assert who.parameters == OTHERS + IN * OUT
    embedding = 2 * 1000 * IN
    assert who.bytes_per_token == who.size - embedding == sum(who.tensor_bytes.values()) - embedding
    assert who.prefill_operations_per_token == 2 * IN * OUT
    assert who.remarks == ()


def test_bits_of_a_parameter_are_those_of_the_file(tmp_path):
    who = identify(tmp_path, of(tmp_path, {"quantization_config": AWQ}, words(IN, OUT // 8)), tmp_path / "cache")
    assert who.millibits_per_parameter == who.size * 8000 // who.parameters
    assert who.quantisation_details == {"zero_point": True, "version": "gemm"}


OLD_FILES = {
    "hf_quant_config": ({"quantization": {"quant_algo": "NVFP4", "group_size": 16}}, HALF_BYTES, "modelopt-NVFP4-g16"),
    "quantize_config": (
        {"bits": 4, "group_size": 128, "desc_act": True, "sym": True},
        words(IN // 8, OUT),
        "GPTQ-int4-g128",
    ),
    "quant_config": ({"zero_point": True, "q_group_size": 128, "w_bit": 4}, words(IN, OUT // 8), "AWQ-int4-g128"),
}


@pytest.mark.parametrize("name", OLD_FILES)
def test_a_file_beside_the_configuration_says_it_too(tmp_path, name):
    data, module, label = OLD_FILES[name]
    who = identify(tmp_path, of(tmp_path, {}, module, **{name: data}), tmp_path / "cache")
    assert (who.quantisation, who.parameters) == (label, OTHERS + IN * OUT)
    assert f"{name}.json" in who.files  # it decides the output


CONTRADICTIONS = {
    "packed without a method": ({}, words(IN, OUT // 8), "names no quantisation"),
    "words without a method": ({}, {"weight": ("U32", (OUT, IN // 8))}, "names no quantisation"),
    "states without a method": ({}, NF4, "names no quantisation"),
    "a method without a trace": ({"quantization_config": AWQ}, {"weight": ("F16", (OUT, IN))}, "all its weights are F16"),
    "fp8 without a trace": ({"quantization_config": FP8}, {"weight": ("BF16", (OUT, IN))}, "all its weights are BF16 and F16"),
    "8 bits for 4": ({"quantization_config": GPTQ}, words(IN // 4, OUT), "has 8 bits a weight"),
    "4 bits for 3": ({"quantization_config": GPTQ | {"bits": 3}}, words(IN // 8, OUT), "has 4 bits a weight"),
    "4 bits for 8 of awq": ({"quantization_config": AWQ | {"bits": 8}}, words(IN, OUT // 8), "has 4 bits a weight"),
    "groups of 64 for 128": ({"quantization_config": GPTQ}, words(IN // 8, OUT, 64), "GPTQ-int4-g128, and"),
    "GPTQ for AWQ": ({"quantization_config": AWQ}, words(IN // 8, OUT), "packed in another order"),
    "AWQ for GPTQ": ({"quantization_config": GPTQ}, words(IN, OUT // 8), "packed in another order"),
    "HQQ for AWQ": ({"quantization_config": AWQ}, METHODS["HQQ"][1], "is packed as hqq does it"),
    "nf4 for fp4": (
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "fp4"}},
        NF4, "is nf4",
    ),
    "int8 for 4 bits": ({"quantization_config": compressed(INT4)}, {"weight": ("I8", (OUT, IN))}, "is I8"),
    "4 bits for fp8 of modelopt": (
        {"quantization_config": {"quant_method": "modelopt", "quant_algo": "FP8"}}, HALF_BYTES, "packed to 4 bits",
    ),
    "bytes for fp8": ({"quantization_config": FP8}, {"weight": ("I8", (OUT, IN))}, "is I8"),
    "other bits in mlx": (
        {"quantization": {"bits": 8, "group_size": 64}}, METHODS["mlx"][1], "has 4 bits a weight",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_tensors_that_contradict_the_configuration_are_refused_in_one_line(tmp_path, what):
    config, module, words_ = CONTRADICTIONS[what]
    with pytest.raises(BadInput, match=words_) as caught:
        model_folder.header(of(tmp_path, config, module))
    assert "\n" not in str(caught.value)


UNKNOWN = (
    "vptq",
    "higgs",
    "spqr",
    "sinq",
    "asinq",
    "fp_quant",
    "fouroversix",
    "mxfp8",
    "metal",
    "quark",
    "some <b>new</b> one",
)


@pytest.mark.parametrize("method", UNKNOWN)
def test_a_method_that_is_not_known_keeps_its_name_and_claims_no_parameters(tmp_path, method):
    found = model_folder.header(
        of(tmp_path, {"quantization_config": {"quant_method": method}}, {"indices": ("I32", (64, 64))})
    )
    assert weights.quantisation(found).startswith("unknown (")
    assert method.split()[0] in weights.quantisation(found)
    assert weights.parameters(found.tensors) is None
    assert weights.operations_per_token(found) is None
    assert weights.bytes_per_token(found) == sum(t.n_bytes for t in found.tensors) - 2 * 1000 * IN


@pytest.mark.parametrize(
    ("config", "label"),
    [
        (GPTQ | {"bits": "4"}, "GPTQ-unknown"),
        (GPTQ | {"dynamic": {"lm_head": {"bits": 8}}}, "GPTQ-int4-g128-mixed"),
        ({"quant_method": "torchao", "quant_type": "int4_weight_only", "quant_type_kwargs": {"group_size": 64}}, "torchao-int4_weight_only-g64"),
        ({"quant_method": "torchao", "quant_type": {"default": {"_type": "Int8WeightOnlyConfig", "_data": {}}}}, "torchao-int8_weight_only"),
        ({"quant_method": "torchao"}, "torchao-unknown"),
        ({"quant_method": "hqq", "quant_config": {"self_attn.q_proj": {}}}, "HQQ-mixed"),
        ({"quant_method": "hqq"}, "HQQ-mixed"),
        ({"quant_method": "aqlm"}, "AQLM-unknown"),
        ({"quant_method": "exl2"}, "EXL2-unknown"),
        ({"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}, "modelopt-MIXED_PRECISION"),
        ({"quant_method": "compressed-tensors", "config_groups": {"a": 1}}, "compressed-tensors-unknown"),
        (compressed(INT4, sparsity_config={"sparsity_structure": "2:4"}), "compressed-tensors-w4a16-g128-sparse2of4"),
        ({"quant_method": "quanto", "weights": ["x"] * 50}, "quanto-xxxxxxxxxxxxxxxxxxxx"),
        ({"quant_method": 7}, "unknown (no name)"),
    ],
)  # fmt: skip
def test_odd_configurations_get_a_label_that_says_no_more_than_they_do(config, label):
    found = quantised.scheme({"quantization_config": config})
    assert found.label == label
    assert len(found.label) <= 64  # as a row holds it


def test_a_mixed_mlx_model_is_counted_by_its_scales(tmp_path):
    mixed = {"bits": 4, "group_size": 64, f"{UP}x": {"bits": 8, "group_size": 64}}
    module = {"weight": ("U32", (OUT, IN // 4)), "scales": ("F16", (OUT, IN // 64)), "biases": ("F16", (OUT, IN // 64))}
    found = model_folder.header(of(tmp_path, {"quantization": mixed}, module))
    assert weights.quantisation(found) == "MLX-int4-g64-mixed"
    assert weights.parameters(found.tensors) == OTHERS + IN * OUT


def test_buffers_are_no_parameters(tmp_path):
    found = model_folder.header(of(tmp_path, {}, {"weight": ("F16", (OUT, IN)), "position_ids": ("I64", (1, 4096))}))
    assert weights.parameters(found.tensors) == OTHERS + IN * OUT


def test_the_text_model_s_own_method_counts(tmp_path):
    config = json.loads(json.dumps({"text_config": LLAMA | {"quantization_config": AWQ}}))
    assert weights.quantisation(model_folder.header(of(tmp_path, config, words(IN, OUT // 8)))) == "AWQ-int4-g128"


WHOLE = {"weight": ("BF16", (OUT, IN))}
HONEST = {
    "sparsity without quantisation": ({"quant_method": "compressed-tensors", "sparsity_config": {"sparsity_structure": "2:4"}}, WHOLE),
    "a cache in fp8": ({"quant_method": "compressed-tensors", "config_groups": {}, "kv_cache_scheme": {"num_bits": 8}}, WHOLE),
    "bitnet that is rounded while it computes": ({"quant_method": "bitnet", "quantization_mode": "online"}, WHOLE),
    "marlin's layout": (GPTQ | {"checkpoint_format": "marlin"}, {"B": ("I32", (IN // 16, OUT * 2)), "s": ("F16", (2, OUT))}),
    "autoround's floats": (
        {"quant_method": "auto-round", "bits": 4, "group_size": 32, "data_type": "mx_fp"},
        {"weight_packed": ("U8", (OUT, IN // 2)), "weight_scale": ("U8", (OUT, IN // 32))},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HONEST)
def test_less_usual_folders_are_not_refused(tmp_path, what):
    config, module = HONEST[what]
    found = model_folder.header(of(tmp_path, {"quantization_config": config}, module))
    assert weights.bytes_per_token(found) == sum(t.n_bytes for t in found.tensors) - 2 * 1000 * IN


def test_a_cache_that_modelopt_quantised_alone_labels_no_weights(tmp_path):
    said = {"quantization": {"quant_algo": None, "kv_cache_quant_algo": "FP8"}}
    assert weights.quantisation(model_folder.header(of(tmp_path, {}, WHOLE, hf_quant_config=said))) == "BF16"
    config = {"quantization_config": {"quant_method": "modelopt", "quant_algo": None}}
    assert weights.quantisation(model_folder.header(of(tmp_path, config, WHOLE))) == "BF16"


def test_a_conversion_of_a_gguf_is_what_it_was_converted_to(tmp_path):
    config = {"quantization_config": {"quant_method": "gguf", "dequantize": True}}
    assert weights.quantisation(model_folder.header(of(tmp_path, config, WHOLE))) == "BF16"


TORCHAO = {"quant_method": "torchao"}


@pytest.mark.parametrize(
    ("kind", "bits"),
    [
        ("Int8DynamicActivationInt4WeightConfig", 4),
        ("Float8DynamicActivationInt4WeightConfig", 4),
        ("Int8DynamicActivationInt8WeightConfig", 8),
        ("Float8DynamicActivationFloat8WeightConfig", 8),
        ("Int4WeightOnlyConfig", 4),
        ("IntxWeightOnlyConfig", None),
    ],
)
def test_torchao_s_bits_are_those_of_the_weights(kind, bits):
    assert (
        quantised.scheme({"quantization_config": TORCHAO | {"quant_type": {"default": {"_type": kind}}}}).bits == bits
    )


@pytest.mark.parametrize("kind", ["Int8DynamicActivationInt4WeightConfig", "Int4WeightOnlyConfig", "Odd"])
def test_signed_bytes_of_fewer_bits_are_unknown_because_torchao_packs_them_or_not(tmp_path, kind):
    config = {"quantization_config": TORCHAO | {"quant_type": {"default": {"_type": kind}}}}
    found = model_folder.header(of(tmp_path, config, {"weight": ("I8", (OUT, IN // 2))}))
    assert weights.parameters(found.tensors) is None


def test_a_mixture_of_groups_names_what_it_mixes():
    groups = {
        "a": {
            "weights": {"num_bits": 4, "type": "float", "group_size": 16},
            "input_activations": {"num_bits": 4, "type": "float"},
        },
        "b": {"weights": {"num_bits": 8, "type": "float"}, "input_activations": {"num_bits": 8, "type": "float"}},
    }
    found = quantised.scheme({"quantization_config": {"quant_method": "compressed-tensors", "config_groups": groups}})
    assert (found.label, found.mixed, found.bits) == ("compressed-tensors-mixed-nvfp4+w8a8-fp8", True, None)
    assert found.details == {"groups": "nvfp4, w8a8-fp8"}
