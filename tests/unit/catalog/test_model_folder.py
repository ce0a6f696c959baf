"""A folder of safetensors counts as the GGUF of the same weights does."""

import json

import pytest

from harness.catalog import model_folder, weights
from harness.catalog.identity import identify
from harness.errors import BadInput
from tests import tiny_models


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
    copy = tiny_models.write_folder(tmp_path / "tiny-bf16")
    origin = {"name": "tiny-bf16", "quantisation": "Q4_K_M", "source_sha256": "a" * 64}
    (copy / "prepared.json").write_text(json.dumps(origin))
    who = identify(copy, copy, tmp_path)
    assert (who.name, who.quantisation, who.derived_from) == ("tiny-bf16", "F32 from Q4_K_M", "a" * 64)


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
