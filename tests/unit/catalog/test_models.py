"""The three ways to name a model."""

from pathlib import Path

import pytest

from harness import files
from harness.catalog import fetch, models
from harness.catalog.identity import identify
from harness.errors import BadInput, NotEnoughSpace
from harness.progress import SILENT
from tests.support import tiny_gguf


def test_every_model_of_the_catalogue_is_valid():
    for name in models.names():
        assert models.load(name).licence.url.startswith("https://")


def test_a_registry_reference_is_taken_apart():
    found = models.resolve("hf:owner/name@main/folder/file.gguf")
    assert found == models.HuggingFaceReference("owner/name", "main", "folder/file.gguf")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no model"),
        (" ", "names no model"),
        ("file:", "names no model"),
        ("gemma-3-270m-q4", "did you mean gemma-3-270m-q4_k_m"),
        ("hf:owner", "write hf:owner/name"),
        ("hf:owner/name@", "write hf:owner/name"),
        ("ollama:a/b/c/d", "write ollama:name"),
        ("file://elsewhere/model.gguf", "not a file of this machine"),
        ("hf:owner/name@main/../../etc/passwd", "is not a Hugging Face reference"),
        ("/nowhere/model.gguf", "there is no such file"),
        ("./missing.gguf", "there is no such file"),
    ],
)
def test_a_bad_name_gets_one_line_with_the_way_out(text, words):
    with pytest.raises(BadInput) as caught:
        models.resolve(text)
    assert words in str(caught.value)


def test_a_path_is_identified_from_its_header_alone(tmp_path):
    path = tmp_path / "tiny-q.gguf"
    path.write_bytes(tiny_gguf.build())
    who = identify(models.resolve(str(path)), path, tmp_path / "cache")
    assert (who.name, who.variant, who.quantisation, who.architecture) == ("tiny-q", "base", "F32", "llama")
    assert who.reference == "tiny-q.gguf"
    assert str(tmp_path) not in str(who.to_json())


def test_a_file_that_is_no_gguf_is_refused(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(b"x")
    with pytest.raises(BadInput, match=r"is neither a \.gguf file nor a folder"):
        identify(path, path, tmp_path / "cache")


def test_a_full_disk_is_noticed_before_the_download(tmp_path, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: type("U", (), {"free": 1000})())
    with pytest.raises(NotEnoughSpace, match="XDG_CACHE_HOME"):
        fetch.fetch(models.load(models.names()[0]), tmp_path, SILENT)
    assert not list(Path(tmp_path).rglob("*.gguf"))


def test_a_changed_file_is_refused_with_the_way_out(tmp_path):
    model = models.load("gemma-3-270m-q4_k_m")
    (path,) = fetch.files_in(model, tmp_path / "cache")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"changed")
    with pytest.raises(BadInput, match="repro model fetch gemma-3-270m-q4_k_m"):
        fetch.verify(model, tmp_path / "cache", SILENT)
