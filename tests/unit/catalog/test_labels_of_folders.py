"""One scheme has one label, and other schemes another: what weights and activations are held in, however a tool spells it."""

import pytest

from harness.catalog import model_folder, quantised, weights
from harness.catalog.identity import identify
from harness.errors import BadInput
from harness.fit.engines import Asked, engine_of
from tests.support import model_headers
from tests.support.model_headers import LLAMA

IN, OUT = 256, 512
UP = "model.layers.0.mlp.up_proj"
PLAIN = {"model.embed_tokens.weight": ("BF16", (1000, IN)), "model.norm.weight": ("BF16", (IN,))}
INT4 = {"num_bits": 4, "type": "int", "group_size": 128, "strategy": "group", "symmetric": True}
INT8, FP8 = {"num_bits": 8, "type": "int"}, {"num_bits": 8, "type": "float"}
FP4 = {"num_bits": 4, "type": "float", "group_size": 16}


def scheme(**config):
    return quantised.scheme({"quantization_config": config})


def compressed(weight, inputs=None, **more):
    groups = {"group_0": {"targets": ["Linear"], "weights": weight, "input_activations": inputs}}
    return {"quant_method": "compressed-tensors", "config_groups": groups, **more}


def read(tmp_path, quantisation, module, **config):
    tensors = PLAIN | {f"{UP}.{name}": tensor for name, tensor in module.items()}
    whole = LLAMA | {"quantization_config": quantisation} | config
    return model_folder.header(model_headers.folder(tmp_path / "m", tensors, whole))


@pytest.mark.parametrize(
    ("said", "form"),
    [
        ("float8_e4m3fn", "e4m3"), ("e4m3", "e4m3"), ("E4M3", "e4m3"), ("fp8_e4m3", "e4m3"), ("torch.float8_e4m3fn", "e4m3"),
        ("float8_e5m2", "e5m2"), ("e5m2", "e5m2"), ("e4m3fnuz", "e4m3fnuz"), (None, "e4m3"),
    ],
)  # fmt: skip
def test_a_format_of_eight_bits_is_named_alike_however_it_is_spelt(said, form):
    assert scheme(quant_method="fp8", fmt=said, activation_scheme="dynamic").label == f"FP8-{form}-tensor-dynamic"


def test_activations_and_zero_points_are_in_the_label():
    labels = [
        scheme(**compressed(one, acts)).label
        for one, acts in [
            (INT4, INT8), (INT4, FP8), (INT4, None), (INT4 | {"symmetric": False}, None), (FP4, FP4), (FP4, FP8), (FP4, INT8),
            (FP4, None), (INT8, INT8), (INT8 | {"symmetric": False}, INT8), (FP8, FP8),
        ]
    ]  # fmt: skip
    assert labels == [
        f"compressed-tensors-{one}"
        for one in (
            "w4a8-int4-g128", "w4a8-int4-fp8-g128", "w4a16-g128", "w4a16-g128-asym", "nvfp4", "nvfp4a8", "nvfp4a8-int8",
            "nvfp4a16", "w8a8-int8", "w8a8-int8-asym", "w8a8-fp8",
        )
    ]  # fmt: skip


def test_what_the_label_does_not_say_of_activations_is_a_detail():
    acts = INT8 | {"strategy": "token", "dynamic": True}
    found = scheme(**compressed(INT4 | {"actorder": "weight"}, acts, format="int-quantized", kv_cache_scheme=FP8))
    assert found.details == {
        "activations": "int8 token", "order": "weight", "format": "int-quantized", "kv_cache": "FP8",
    }  # fmt: skip
    local = FP4 | {"strategy": "tensor_group", "dynamic": "local"}
    assert scheme(**compressed(FP4, local)).details == {"activations": "fp4 tensor_group local"}


def test_modelopt_is_labelled_alike_from_both_of_its_files():
    groups = {"group_0": {"weights": FP4 | {"dynamic": False}, "input_activations": FP4, "targets": ["Linear"]}}
    new = scheme(
        quant_method="modelopt", quant_algo="NVFP4", config_groups=groups, kv_cache_scheme=FP8 | {"dynamic": False}
    )
    beside = {"quantization": {"quant_algo": "NVFP4", "group_size": 16, "kv_cache_quant_algo": "FP8"}}
    old = scheme(**quantised.from_other_file(beside))
    assert new == old
    assert (new.label, new.group, new.details) == ("modelopt-NVFP4-g16", 16, {"kv_cache": "FP8"})
    assert scheme(quant_algo="NVFP4", config_groups=groups).label == "modelopt-NVFP4-g16"  # without the method's name
    assert scheme(quant_method="modelopt_fp4", quant_algo="NVFP4", config_groups=groups).label == "modelopt-NVFP4-g16"


def test_a_mixture_of_modelopt_is_described_by_its_recipe():
    layers = {
        "a": {"quant_algo": "FP8"}, "b": {"quant_algo": "W4A16_NVFP4", "group_size": 16},
        "c": {"quant_algo": "W4A16_NVFP4", "group_size": 16},
    }  # fmt: skip
    found = scheme(quant_method="modelopt", quant_algo="MIXED_PRECISION", quantized_layers=layers)
    assert (found.label, found.bits, found.mixed) == ("modelopt-mixed-FP8+W4A16_NVFP4-g16", None, True)
    assert found.details == {"modules": "1 FP8, 2 W4A16_NVFP4-g16"}
    groups = {"g0": {"weights": FP8, "targets": ["x", "y"]}, "g1": {"weights": FP4, "targets": ["z"]}}
    by_groups = scheme(quant_method="modelopt", quant_algo="MIXED_PRECISION", config_groups=groups)
    assert (by_groups.label, by_groups.details) == (
        "modelopt-mixed-nvfp4a16+w8a16-fp8", {"modules": "1 nvfp4a16, 2 w8a16-fp8"},
    )  # fmt: skip
    many = {str(i): {"quant_algo": f"ALGORITHM_{i}", "group_size": 16} for i in range(9)}
    assert (
        scheme(quant_method="modelopt", quant_algo="MIXED_PRECISION", quantized_layers=many).label
        == "modelopt-mixed-of-9"
    )


MXFP4 = {"dtype": "fp4", "qscheme": "per_group", "group_size": 32, "scale_format": "e8m0", "is_dynamic": False}
TENSOR = {"dtype": "fp8_e4m3", "qscheme": "per_tensor", "is_dynamic": False}
WHOLE = {"weight": None, "input_tensors": None}
QUARK = {
    "mxfp4": (MXFP4, MXFP4 | {"is_dynamic": True}, {}, "Quark-MXFP4-dynamic"),
    "mxfp4, weights alone": (MXFP4, None, {}, "Quark-MXFP4-a16"),
    "mxfp4 with fp8": (MXFP4, TENSOR, {}, "Quark-MXFP4-fp8-static"),
    "fp8": (TENSOR, TENSOR, {}, "Quark-fp8-tensor-static"),
    "fp8 by channel": (
        TENSOR | {"qscheme": "per_channel"},
        TENSOR | {"is_dynamic": True},
        {},
        "Quark-fp8-channel-dynamic",
    ),
    "int4": ({"dtype": "int4", "qscheme": "per_group", "group_size": 128}, None, {}, "Quark-int4-a16-g128"),
    "another for some": (
        MXFP4,
        MXFP4,
        {"*attn*": {"weight": TENSOR, "input_tensors": TENSOR}},
        "Quark-MXFP4-static-mixed",
    ),
    "some alone": (None, None, {"*mlp*": {"weight": TENSOR, "input_tensors": TENSOR}}, "Quark-fp8-tensor-static"),
    "several in one": ([TENSOR, TENSOR], None, {}, "unknown (quark)"),
}


def of_quark(what):
    weight, inputs, others, label = QUARK[what]
    return {
        "quant_method": "quark", "global_quant_config": {"weight": weight, "input_tensors": inputs},
        "layer_quant_config": others,
    }, label  # fmt: skip


@pytest.mark.parametrize("what", QUARK)
def test_quark_is_read(what):
    config, label = of_quark(what)
    assert scheme(**config).label == label


HALF = {"weight": ("U8", (OUT, IN // 2)), "weight_scale": ("U8", (OUT, IN // 32))}


@pytest.mark.parametrize(
    ("what", "module"),
    [
        ("mxfp4", HALF),
        ("another for some", HALF),
        ("fp8", {"weight": ("F8_E4M3", (OUT, IN)), "weight_scale": ("F32", ()), "input_scale": ("F32", ())}),
        ("int4", {"weight": ("I32", (IN, OUT // 8)), "weight_scale": ("BF16", (IN // 128, OUT))}),
    ],
)
def test_quark_s_parameters_are_the_model_s(tmp_path, what, module):
    found = read(tmp_path, of_quark(what)[0], module)
    assert weights.parameters(found.tensors) == 1000 * IN + IN + IN * OUT


def test_fp8_of_quark_that_is_packed_otherwise_is_refused(tmp_path):
    with pytest.raises(BadInput, match="Quark-fp8-tensor-static, and"):
        read(tmp_path, of_quark("fp8")[0], HALF)


BNB = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}


@pytest.mark.parametrize(
    ("storage", "kind", "width"), [("bfloat16", "BF16", 2), ("float16", "F16", 2), ("float32", "F32", 4)]
)
def test_bytes_of_bitsandbytes_may_be_stored_as_floats(tmp_path, storage, kind, width):
    module = {
        "weight": (kind, (IN * OUT // 2 // width, 1)), "weight.absmax": ("F32", (IN * OUT // 64,)),
        "weight.quant_map": ("F32", (16,)), "weight.quant_state.bitsandbytes__nf4": ("U8", (80,)),
    }  # fmt: skip
    found = read(tmp_path, BNB | {"bnb_4bit_quant_storage": storage}, module)
    assert weights.parameters(found.tensors) == 1000 * IN + IN + IN * OUT
    packed = next(t for t in found.tensors if t.name == f"{UP}.weight")
    # No engine narrows them (the scales it may), and none widens them.
    scales = 2 * (IN * OUT // 64 + 16)
    assert weights.bytes_per_token(found, float_bytes=2) == weights.bytes_per_token(found) - scales
    need = engine_of(Asked("pytorch", found, {"dtype": "float32"})).need(16, None).parts[0].size_bytes
    assert need == sum(t.n_bytes for t in found.tensors) + 2 * (1000 * IN + IN)
    assert packed.n_bytes * 2 == packed.parameters


def test_a_column_of_floats_without_its_state_is_not_counted_by_a_guess(tmp_path):
    module = {"weight.quant_state.bitsandbytes__nf4": ("U8", (80,)), "weight": ("BF16", (64, 1))}
    other = {f"{UP}x.weight": ("BF16", (IN * OUT // 4, 1))}
    tensors = PLAIN | other | {f"{UP}.{name}": tensor for name, tensor in module.items()}
    config = LLAMA | {"quantization_config": BNB | {"bnb_4bit_quant_storage": "bfloat16"}}
    assert (
        weights.parameters(model_folder.header(model_headers.folder(tmp_path / "m", tensors, config)).tensors) is None
    )


def test_a_tied_head_that_is_stored_too_is_one_matrix(tmp_path):
    body = PLAIN | {f"{UP}.weight": ("BF16", (OUT, IN))}
    head = {"lm_head.weight": ("BF16", (1000, IN))}
    one, two, apart = (
        identify(path, model_headers.folder(path, tensors, LLAMA | {"tie_word_embeddings": tied}), tmp_path / "cache")
        for path, tensors, tied in [
            (tmp_path / "a", body, True), (tmp_path / "b", body | head, True), (tmp_path / "c", body | head, False),
        ]
    )  # fmt: skip
    assert one.parameters == two.parameters == apart.parameters - 1000 * IN
    assert one.bytes_per_token == two.bytes_per_token == apart.bytes_per_token
    assert one.millibits_per_parameter == two.millibits_per_parameter == 16_000
    other = body | {"lm_head.weight": ("F8_E4M3", (1000, IN))}  # another matrix, whatever the configuration says
    path = model_headers.folder(tmp_path / "d", other, LLAMA | {"tie_word_embeddings": True})
    assert identify(path, path, tmp_path / "cache").parameters == apart.parameters


def test_four_bits_in_a_byte_each_are_counted_where_the_format_says_so(tmp_path):
    module = {"weight": ("I8", (OUT, IN)), "weight_scale": ("BF16", (OUT, IN // 128))}
    found = read(tmp_path, compressed(INT4, INT8, format="int-quantized"), module)
    assert weights.quantisation(found) == "compressed-tensors-w4a8-int4-g128"
    assert weights.parameters(found.tensors) == 1000 * IN + IN + IN * OUT


@pytest.mark.parametrize(
    ("kind", "n_bytes"), [("F4", 64), ("F6_E2M3", 96), ("F6_E3M2", 96), ("C64", 1024), ("F8_E8M0", 128)]
)
def test_every_type_of_safetensors_is_read(tmp_path, kind, n_bytes):
    place = model_headers.folder(tmp_path / "m", PLAIN | {"x.weight": (kind, (8, 16))}, LLAMA)
    found = next(t for t in model_folder.header(place).tensors if t.name == "x.weight")
    assert found.n_bytes == n_bytes


def test_elements_that_end_inside_a_byte_are_refused(tmp_path):
    with pytest.raises(BadInput, match="wrongly"):
        model_folder.header(model_headers.folder(tmp_path / "m", PLAIN | {"x.weight": ("F4", (3,))}, LLAMA))
