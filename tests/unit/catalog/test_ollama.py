"""Ollama's store is read as it lies: manifest, blob, digest; what is missing or not one model is refused."""

import json
import os
from hashlib import sha256

import pytest

from harness.catalog import fetch, models
from harness.catalog.identity import identify
from harness.errors import BadInput
from harness.progress import SILENT
from tests.support import tiny_gguf

MODEL = "application/vnd.ollama.image.model"
DATA = tiny_gguf.build(tiny_gguf.LONG)


@pytest.fixture
def store(tmp_path, monkeypatch):
    place = tmp_path / "store"
    monkeypatch.setenv("OLLAMA_MODELS", str(place))
    return place


def put(place, name="registry.ollama.ai/library/tiny/1b", layers=((MODEL, DATA),), written=None):
    listed = []
    for kind, data in layers:
        found = sha256(data).hexdigest()
        listed.append({"mediaType": kind, "digest": f"sha256:{found}", "size": len(data)})
        blob = place / "blobs" / f"sha256-{found}"
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data if written is None else written)
    path = place / "manifests" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schemaVersion": 2, "layers": listed}))
    return path


def who_is(text, tmp_path):
    reference = models.resolve(text)
    path = fetch.fetch(reference, tmp_path / "cache", SILENT)
    return identify(reference, path, tmp_path / "cache")


def test_a_name_leads_to_its_weights(store, tmp_path):
    put(store, layers=((MODEL, DATA), ("application/vnd.ollama.image.template", b"{{ .Prompt }}")))
    who = who_is("ollama:tiny:1b", tmp_path)
    assert (who.reference, who.name, who.format) == ("ollama:tiny:1b", "tiny-1b", "gguf")
    assert who.sha256 == sha256(DATA).hexdigest()
    assert str(store) not in str(who.to_json())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ollama:tiny", "registry.ollama.ai/library/tiny/latest"),
        ("ollama:someone/tiny:v1", "registry.ollama.ai/someone/tiny/v1"),
        ("ollama:hf.co/owner/tiny-GGUF:Q8_0", "hf.co/owner/tiny-GGUF/Q8_0"),
        ("ollama:registry.example.com:5000/a/tiny:v2", "registry.example.com:5000/a/tiny/v2"),
    ],
)
def test_each_kind_of_name_is_found(store, tmp_path, text, name):
    put(store, name)
    assert who_is(text, tmp_path).sha256 == sha256(DATA).hexdigest()


def test_a_blob_can_be_named_itself(store, tmp_path):
    put(store)
    (blob,) = (store / "blobs").iterdir()
    assert who_is(str(blob), tmp_path).format == "gguf"


def test_the_store_is_not_written(store, tmp_path):
    put(store)
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    who_is("ollama:tiny:1b", tmp_path)
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before


def broken(store, how):
    path = put(store, written=b"GGUF changed" if how == "changed" else None)
    if how == "no blob":
        for blob in (store / "blobs").iterdir():
            blob.unlink()
    if how == "no JSON":
        path.write_text("{")
    if how == "no layers":
        path.write_text("{}")
    if how == "a foreign digest":
        path.write_text(json.dumps({"layers": [{"mediaType": MODEL, "digest": "sha256:../../x"}]}))
    if how == "an adapter":
        put(store, layers=((MODEL, DATA), ("application/vnd.ollama.image.adapter", b"lora")))
    if how == "two weights":
        put(store, layers=((MODEL, DATA), (MODEL, DATA + b"x")))
    if how == "a cloud's":
        put(store, layers=())
    if how == "a pipe":
        path.unlink()
        os.mkfifo(path)


@pytest.mark.parametrize(
    ("how", "words"),
    [("a cloud's", "has no GGUF in this store: Ollama computes it elsewhere"), ("changed", "its sha256 is not that of its name"), ("no blob", "its weights are missing"), ("no JSON", "can't be read as a manifest"),
     ("no layers", "can't be read as a manifest"), ("a foreign digest", "must have one file of weights"),
     ("an adapter", "has an adapter"), ("two weights", "must have one file of weights, its manifest has 2"),
     ("a pipe", "is not in Ollama's store")],
)  # fmt: skip
def test_what_is_not_whole_is_refused(store, tmp_path, how, words):
    broken(store, how)
    with pytest.raises(BadInput, match=words):
        who_is("ollama:tiny:1b", tmp_path)


def test_a_model_that_was_not_pulled_says_how_to(store, tmp_path):
    with pytest.raises(BadInput, match="run: ollama pull tiny:1b, or set OLLAMA_MODELS"):
        who_is("ollama:tiny:1b", tmp_path)


def test_the_tags_that_are_there_are_named(store, tmp_path):
    put(store)
    put(store, "registry.ollama.ai/library/tiny/3b")
    with pytest.raises(BadInput, match="take ollama:tiny:1b or ollama:tiny:3b, or run: ollama pull tiny:latest"):
        who_is("ollama:tiny", tmp_path)


def test_case_tells_no_two_models_apart(store, tmp_path):
    put(store, "hf.co/Owner/Tiny-GGUF/Q8_0")
    assert who_is("ollama:hf.co/owner/tiny-gguf:q8_0", tmp_path).sha256 == sha256(DATA).hexdigest()
    put(store, "hf.co/owner/tiny-gguf/q8_0")
    with pytest.raises(BadInput, match="is not in Ollama's store"):
        who_is("ollama:hf.co/OWNER/TINY-GGUF:Q8_0", tmp_path)  # which of the two?


def test_a_store_of_somebody_else_is_one_line(store, tmp_path, monkeypatch):
    put(store)

    def denied(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(store), "is_file", denied)
    with pytest.raises(BadInput, match=r"can't be read \(Permission denied\)"):
        who_is("ollama:tiny:1b", tmp_path)
