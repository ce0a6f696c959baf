"""A folder of safetensors counts as the GGUF of the same weights does."""

import json

import pytest

from harness.catalog import model_folder, weights
from harness.catalog.identity import identify
from harness.errors import BadInput
from tests.support import tiny_models


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    return tiny_models.write_folder(folder / "tiny"), tiny_models.write_gguf(folder / "tiny.gguf")


def test_the_same_weights_cost_the_same(both):
    folder, gguf = (model_folder.header(path) for path in both)
    for count in (weights.parameters, weights.bytes_per_token, weights.operations_per_token):
        if count is weights.parameters:
            assert count(folder.tensors) == count(gguf.tensors)
        else:
            assert count(folder) == count(gguf)
    assert weights.prefill_operations_per_token(folder) == weights.prefill_operations_per_token(gguf)
    assert weights.kv_bytes_read(folder, 100, "f32", "f32") == weights.kv_bytes_read(gguf, 100, "f32", "f32") > 0
    assert weights.quantisation(folder) == weights.quantisation(gguf) == "F32"


def test_a_folder_s_digest_is_of_what_decides_its_output(both, tmp_path):
    folder = both[0]
    first = identify(folder, folder, tmp_path)
    assert first.format == "safetensors"
    assert set(first.files) == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    copy = tiny_models.write_folder(tmp_path / "copy")
    (copy / "README.md").write_text("anything")
    assert identify(copy, copy, tmp_path).sha256 == first.sha256
    config = json.loads((copy / "config.json").read_text()) | {"rope_theta": 1.0}
    (copy / "config.json").write_text(json.dumps(config))
    assert identify(copy, copy, tmp_path).sha256 != first.sha256


def test_a_conversion_says_what_it_was_made_from(both, tmp_path):
    copy = tiny_models.write_folder(tmp_path / "prepared" / "tiny-bf16")
    origin = {"name": "tiny-bf16", "quantisation": "Q4_K_M", "source_sha256": "a" * 64}
    (copy / "prepared.json").write_text(json.dumps(origin))
    who = identify(copy, copy, tmp_path)
    assert (who.name, who.quantisation, who.derived_from) == ("tiny-bf16", "F32 from Q4_K_M", "a" * 64)
    (copy / "prepared.json").write_text("{}")
    with pytest.raises(BadInput, match="is damaged"):
        identify(copy, copy, tmp_path)


def test_nobody_else_may_say_that_it_is_a_conversion(tmp_path):
    foreign = tiny_models.write_folder(tmp_path / "foreign")
    (foreign / "prepared.json").write_text('{"name": "gemma-3-270m-q4_k_m-bf16"}')
    with pytest.raises(BadInput, match="only conversions in the cache"):
        identify(foreign, foreign, tmp_path / "cache")


def test_an_index_names_what_is_loaded_and_nothing_outside(tmp_path):
    folder = tiny_models.write_folder(tmp_path / "sharded")
    whole = model_folder.header(folder)
    (folder / "consolidated.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(BadInput, match="2 weight files and no"):
        model_folder.header(folder)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model.safetensors"}}))
    assert weights.parameters(model_folder.header(folder).tensors) == weights.parameters(whole.tensors)
    assert index.name in identify(folder, folder, tmp_path).files
    for name in ("../other.safetensors", "/etc/x.safetensors", "missing.safetensors"):
        index.write_text(json.dumps({"weight_map": {"a": name}}))
        with pytest.raises(BadInput, match="not a weight file of this folder"):
            model_folder.header(folder)
    for text in ("{", "[]", '{"weight_map": []}', '{"weight_map": {}}'):
        index.write_text(text)
        with pytest.raises(BadInput):
            model_folder.header(folder)


def test_experts_are_counted_by_those_that_are_chosen(tmp_path):
    folder = tiny_models.write_folder(tmp_path / "moe")
    tensors = tiny_models.weights()
    expert = tensors.pop("model.layers.0.mlp.up_proj.weight")
    for index in range(4):
        tensors[f"model.layers.0.mlp.experts.{index}.up_proj.weight"] = expert
    (folder / "model.safetensors").write_bytes(tiny_models.safetensors(tensors))
    config = json.loads((folder / "config.json").read_text()) | {"num_local_experts": 4, "num_experts_per_tok": 2}
    (folder / "config.json").write_text(json.dumps(config))
    dense = weights.bytes_per_token(model_folder.header(tiny_models.write_folder(tmp_path / "dense")))
    assert weights.bytes_per_token(model_folder.header(folder)) == dense + expert.nbytes


def test_a_folder_without_config_is_refused(tmp_path):
    folder = tiny_models.write_folder(tmp_path / "bare")
    (folder / "config.json").unlink()
    with pytest.raises(BadInput, match=r"no config\.json"):
        model_folder.header(folder)
