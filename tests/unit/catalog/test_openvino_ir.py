"""Folders in OpenVINO's format: what is in them is told by their graph, and what is wrong with them in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.catalog import huggingface_files, identity, model_folder, openvino_graph, references, weights
from harness.errors import BadInput
from tests.support import openvino_folder as made

ROOM = 1 << 20
MATRICES, TABLE, NORMS = 4 * 64 * 64, 96 * 64, 4 * 64


def header(tmp_path, *arguments, config=None, **named):
    return model_folder.header(made.write(tmp_path / "ir", made.model(*arguments, **named), config))


def test_parameters_bytes_and_label_are_those_of_what_is_stored(tmp_path):
    found = header(tmp_path, ("u4", 16), ("u8", -1))
    assert (found.format, weights.quantisation(found)) == ("openvino", "OpenVINO-int4-asym-g16")
    assert weights.parameters(found.tensors) == MATRICES + TABLE + NORMS
    # Half a byte a weight, and for each group of 16 a scale of two bytes and a zero point of a half.
    body = 4 * (64 * 64 // 2 + 64 * 4 * 2 + 64 * 4 // 2)
    table = 96 * 64 + 96 * 2 + 96
    assert weights.bytes_per_token(found) == body + table + NORMS * 2
    assert weights.operations_per_token(found) == 2 * (MATRICES + TABLE)
    assert weights.prefill_operations_per_token(found) == 2 * MATRICES
    assert found.scheme.details == {"embedding": "int8-asym-channel", "head": "int8-asym-channel"}
    assert found.context_trained == 2048


def test_a_head_of_its_own_is_read_in_place_of_the_table(tmp_path):
    tied, own = header(tmp_path / "a"), header(tmp_path / "b", tied=False)
    assert weights.parameters(own.tensors) == weights.parameters(tied.tensors) + TABLE
    assert weights.bytes_per_token(own) == weights.bytes_per_token(tied)


@pytest.mark.parametrize(
    ("body", "label"),
    [
        (("f16",), "F16"),
        (("bf16",), "BF16"),
        (("f32",), "F32"),
        (("i8", -1), "OpenVINO-int8-asym-channel"),
        (("u8", 32), "OpenVINO-int8-asym-g32"),
        (("nf4", 32), "OpenVINO-nf4-g32"),
        (("f4e2m1", 32), "OpenVINO-mxfp4-g32"),
        (("u2", 16), "OpenVINO-int2-asym-g16"),
    ],
)
def test_the_label_says_bits_and_group(tmp_path, body, label):
    assert weights.quantisation(header(tmp_path, body, ("f16",))) == label


def test_without_zero_points_it_is_symmetric(tmp_path):
    graph = made.Graph()
    ids = graph.add("Parameter")
    table = graph.weight("f16", 96, 64)
    here = graph.add("Gather", table, ids)
    here = graph.add("MatMul", here, graph.weight("i4", 64, 64, 32, zero_point=False))
    graph.add("Result", graph.add("MatMul", here, table))
    found = model_folder.header(made.write(tmp_path / "ir", graph))
    assert weights.quantisation(found) == "OpenVINO-int4-sym-g32"


def test_layers_that_are_held_otherwise_make_it_mixed(tmp_path):
    found = header(tmp_path, ("u4", 16), ("u8", -1), other=("u8", -1))
    assert weights.quantisation(found) == "OpenVINO-int4-asym-g16-mixed"
    assert found.scheme.details["layers"] == "int4-asym-g16, int8-asym-channel"


def test_how_it_was_compressed_is_kept(tmp_path):
    graph = made.model()
    graph.facts = (
        '<nncf><weight_compression><mode value="int4_asym"/><ratio value="0.8"/><awq value="True"/><gptq value="False"/>'
        "</weight_compression></nncf>"
    )
    details = model_folder.header(made.write(tmp_path / "ir", graph)).scheme.details
    assert {name: details[name] for name in ("mode", "ratio", "awq")} == {
        "mode": "int4_asym",
        "ratio": "0.8",
        "awq": "True",
    }
    assert "gptq" not in details


def test_what_the_graph_does_not_tell_is_unknown(tmp_path):
    inside = made.model()
    inside.add("If", data='<body><layers><layer id="0" name="c" type="Const"><data/></layer></layers></body>')
    convolved = made.model()
    convolved.add("GroupConvolution", convolved.constant("f32", 64, 1, 4))
    headless = made.model()
    headless.add("Result", headless.add("Gelu", 3))
    for name, graph in (("inside", inside), ("convolved", convolved), ("headless", headless)):
        found = model_folder.header(made.write(tmp_path / name, graph))
        assert weights.parameters(found.tensors) is None, name
        assert weights.bytes_per_token(found) is None, name
    experts = header(tmp_path, config=made.CONFIG | {"num_local_experts": 8, "num_experts_per_tok": 2})
    assert weights.bytes_per_token(experts) is None


def test_its_identity_covers_graph_weights_and_tokenizer(tmp_path):
    folder = made.write(tmp_path / "ir", made.model())
    found = identity.identify(folder, folder, tmp_path / "cache")
    assert set(found.files) == {
        "config.json", "openvino_model.bin", "openvino_model.xml", "openvino_tokenizer.bin", "openvino_tokenizer.xml",
        "tokenizer.json",
    }  # fmt: skip
    assert found.format == "openvino"
    assert found.size == (folder / "openvino_model.bin").stat().st_size
    (folder / "openvino_model.bin").write_bytes(b"\1" * found.size)
    os.utime(folder / "openvino_model.bin", ns=(1, 1))
    assert identity.identify(folder, folder, tmp_path / "cache").sha256 != found.sha256


def test_a_folder_of_safetensors_stays_one_where_a_graph_lies_beside(tmp_path):
    folder = made.write(tmp_path / "ir", made.model())
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(BadInput, match=r"openvino_model\.bin"):
        model_folder.header(folder)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda f: (f / "openvino_model.bin").unlink(), "no such file"),
        (lambda f: (f / "openvino_model.bin").write_bytes(b"short"), "wrongly: its weights have 5 bytes"),
        (lambda f: (f / "openvino_model.xml").write_bytes(b""), "is not XML"),
        (lambda f: (f / "openvino_model.xml").write_bytes(b"<html></html>"), "is not an OpenVINO model"),
        (lambda f: (f / "openvino_model.xml").write_bytes(b"<net/>"), "holds no operation"),
        (lambda f: (f / "config.json").unlink(), r"no config\.json"),
        (lambda f: (f / "tokenizer.json").unlink(), r"no tokenizer\.json"),
        (lambda f: (f / "other.bin").write_bytes(b"x"), "pickle or array file: other.bin"),
        (lambda f: (f / "more").mkdir() or (f / "more/openvino_model.bin").write_bytes(b"x"), "pickle or array"),
    ],
)
def test_a_folder_that_is_not_whole_or_holds_more_is_one_line(tmp_path, change, told):
    folder = made.write(tmp_path / "ir", made.model())
    change(folder)
    with pytest.raises(BadInput, match=told):
        model_folder.header(folder)


def test_a_model_in_several_graphs_is_refused_as_what_it_is(tmp_path):
    (tmp_path / "openvino_language_model.xml").write_bytes(made.model().xml())
    (tmp_path / "openvino_language_model.bin").write_bytes(b"x")
    with pytest.raises(BadInput, match="a model for images in OpenVINO's format"):
        identity.header_of(tmp_path)
    with pytest.raises(BadInput, match="a model for images in OpenVINO's format"):
        huggingface_files.refuse_without_weights(
            references.hugging_face("hf:a/b"), ["config.json", "openvino_language_model.xml"]
        )


def test_python_beside_it_is_nobodys_to_run(tmp_path):
    folder = made.write(tmp_path / "ir", made.model(), made.CONFIG | {"auto_map": {"AutoConfig": "own.Config"}})
    (folder / "own.py").write_text("raise SystemExit")
    assert model_folder.header(folder).format == "openvino"


def test_a_file_of_it_names_its_folder(tmp_path):
    folder = made.write(tmp_path / "ir", made.model())
    with pytest.raises(BadInput) as caught:
        identity.header_of(folder / "openvino_model.xml")
    assert caught.value.fix == f"name its folder: {folder}"


HEAD = b'<net><layers><layer id="0" name="c" type="Const">'


@pytest.mark.parametrize(
    "text",
    [
        b'<!DOCTYPE net [<!ENTITY a "aaaa">]><net>&a;</net>',
        b'<!DOCTYPE net SYSTEM "file:///etc/passwd"><net/>',
        HEAD + b"</layer></layers></net>",
        HEAD + b'<data element_type="f9" shape="1" offset="0" size="1"/></layer></layers></net>',
        HEAD + b'<data element_type="u8" shape="-1" offset="0" size="1"/></layer></layers></net>',
        HEAD + b'<data element_type="u8" shape="9" offset="0" size="1"/></layer></layers></net>',
        HEAD + b'<data element_type="u8" shape="1" offset="99999999" size="1"/></layer></layers></net>',
        HEAD + b'<data element_type="u8" shape="1" offset="x" size="1"/></layer></layers></net>',
        HEAD
        + b'<data element_type="u8" shape="1" offset="0" size="1"/></layer><layer id="0" type="A"/></layers></net>',
        HEAD
        + b'<data element_type="u8" shape="1" offset="0" size="1"/></layer></layers><edges><edge from-layer="0" to-layer="7" '
        b'to-port="0"/></edges></net>',
        b"<net>" + b"<a>" * 100 + b"</a>" * 100 + b"</net>",
        b"\x00\xff\xfe",
    ],
)
def test_a_hostile_graph_is_one_line(text):
    with pytest.raises(BadInput):
        openvino_graph.parse(text, ROOM, "m.xml")


def test_a_graph_that_leads_in_a_circle_ends():
    text = (
        b'<net><layers><layer id="0" name="a" type="Convert"/><layer id="1" name="b" type="Convert"/></layers><edges>'
        b'<edge from-layer="0" to-layer="1" to-port="0"/><edge from-layer="1" to-layer="0" to-port="0"/></edges></net>'
    )
    assert openvino_graph.parse(text, ROOM, "m.xml").constants(0) == []


WHOLE = made.model().xml()


@settings(max_examples=300)
@given(st.integers(0, len(WHOLE) - 1), st.binary(max_size=8), st.integers(0, 8))
def test_changed_bytes_give_a_graph_or_one_line(place, put, gone):
    try:
        openvino_graph.parse(WHOLE[:place] + put + WHOLE[place + gone :], ROOM, str(Path("m.xml")))
    except BadInput as error:
        assert "\n" not in error.what
