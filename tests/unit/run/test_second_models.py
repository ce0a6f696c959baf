"""Models that an option names beside --model."""

import pytest

from harness.errors import BadInput
from harness.progress import SILENT
from harness.run.prepare import second_models
from runtimes.llama_server import LlamaServer
from tests.support import tiny_gguf, tiny_models

OPTIONS = LlamaServer.options


def here(path, tmp_path):
    return second_models.here(
        second_models.named({"draft_model": str(path)}, OPTIONS), LlamaServer(), tmp_path / "cache", SILENT
    )


def test_it_is_named_by_its_digest_and_how_to_get_it_again(tmp_path):
    path = tmp_path / "small.gguf"
    path.write_bytes(tiny_gguf.build(tiny_gguf.LONG))
    found = here(path, tmp_path)
    digest = found["draft_model"].identity.sha256
    assert second_models.settings(found) == {"draft_model": digest, "draft_model_name": "small"}
    assert second_models.published(found) == {"draft_model": "small.gguf"}
    assert second_models.paths(found) == {"draft_model": str(path)}


def test_none_is_none():
    assert second_models.named({"draft_model": "none", "threads": 2}, OPTIONS) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must name a model"),
        ("/nowhere/x.gguf", "there is no such file"),
        ("no-such-model", "no model is called"),
        ("hf:what", "is not a Hugging Face reference"),
    ],
)
def test_what_names_no_model_is_refused_with_the_option(text, words):
    with pytest.raises(BadInput, match=words) as caught:
        second_models.named({"draft_model": text}, OPTIONS)
    assert str(caught.value).count("-o draft_model") == 1
    assert caught.value.where.startswith("-o draft_model")
    assert "\n" not in str(caught.value)


def test_a_folder_that_the_server_does_not_read_is_refused(tmp_path):
    with pytest.raises(BadInput, match="llama-server reads gguf") as caught:
        here(tiny_models.write_folder(tmp_path / "folder"), tmp_path)
    assert caught.value.where == "-o draft_model"
