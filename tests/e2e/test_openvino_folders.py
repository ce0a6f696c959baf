"""Models in OpenVINO's own format for real: written by the engine from a GGUF, by path and by reference, measured as that GGUF is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness import paths
from harness.record.store import read
from harness.verify.recompute import verify
from tests.e2e.conftest import Repro, measured, refused
from tests.support import huggingface, openvino_folder

pytestmark = pytest.mark.e2e

SUITE = Path(__file__).parents[1] / "data" / "small-v1.toml"
MODEL = "smollm2-135m-instruct-q4_1"
WRITE = "import sys, openvino_genai as engine; engine.LLMPipeline(sys.argv[1], 'CPU', enable_save_ov_model=True)"


def bench(repro, model, runtime="openvino", **more):
    return repro(
        "bench", "--runtime", runtime, "--model", model, "--suite", SUITE, "--processes", "1", timeout=1800, **more
    )


@pytest.fixture(scope="module")
def repro(tmp_path_factory):
    return Repro(tmp_path_factory.mktemp("folders"))


@pytest.fixture(scope="module")
def of_gguf(repro):
    measured(bench(repro, MODEL))
    return read(repro.records()[0])


@pytest.fixture(scope="module")
def folder(repro, of_gguf, tmp_path_factory):
    """The graph that the engine makes of the GGUF, beside the configuration and tokenizer of the same model."""
    del of_gguf  # the environment is there, and the file
    place = tmp_path_factory.mktemp("written")
    python = repro("runtime", "install", "openvino").stdout.strip().splitlines()[-1]
    (source,) = (paths.cache() / "models" / MODEL).glob("*.gguf")
    shutil.copy(source, place / "model.gguf")
    subprocess.run([python, "-c", WRITE, place / "model.gguf"], check=True, timeout=600, capture_output=True)
    (place / "model.gguf").unlink()
    done = repro("model", "prepare", MODEL, "--runtime", "pytorch", timeout=1800)
    assert done.returncode == 0, done.stderr
    (prepared,) = (paths.cache() / "prepared").glob(f"*/{MODEL}-bf16")
    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(prepared / name, place)
    return place


@pytest.fixture(scope="module")
def stored(repro, folder):
    before = set(repro.records())
    measured(bench(repro, folder))
    (made,) = set(repro.records()) - before
    return read(made)


def test_it_computes_what_the_file_does_that_it_was_made_from(stored, of_gguf):
    verify(stored)
    ids, theirs = ([result.output_ids for result in one.record.results] for one in (stored, of_gguf))
    assert ids == theirs
    assert any(ids)
    likely, theirs = (one.record.probe.mean_nll_micronats for one in (stored, of_gguf))
    assert likely == pytest.approx(theirs, rel=1e-3)


def test_its_record_says_what_it_is(stored, of_gguf):
    model, file = stored.record.model, of_gguf.record.model
    assert (model["format"], model["quantisation"]) == ("openvino", "OpenVINO-int4-asym-g32")
    assert model["quantisation_details"]["head"] == "int8-asym-g32"
    assert model["parameters"] == file["parameters"]
    assert {"openvino_model.xml", "openvino_model.bin", "tokenizer.json"} <= model["files"].keys()
    assert stored.record.runtime.settings["weights"] == "u4+u8"
    # As stored: half a byte a weight, scales and zero points beside it.
    assert 0.9 < model["bytes_per_token"] / model["size"] <= 1


def test_another_runtime_refuses_it_before_anything_is_made(repro, folder):
    assert "pytorch reads safetensors, this is openvino" in refused(bench(repro, folder, "pytorch"))


def test_it_is_fetched_by_reference_and_what_lies_beside_it_is_not(tmp_path):
    there = openvino_folder.files(openvino_folder.model())
    with huggingface.serving(there | {"own.py": b"x", "other.bin": b"pickle"}) as (_, address):
        own = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "theirs"), "HF_TOKEN": ""}
        repro = Repro(tmp_path, tmp_path / "c")
        looked = repro("fit", "hf:owner/model", "--runtime", "openvino", **own)
        assert "weights" in looked.stdout, looked.stderr
        assert not list((tmp_path / "c").rglob("openvino_model.bin"))
        done = repro("model", "fetch", "hf:owner/model@main", **own)
        assert done.returncode == 0, done.stderr
        shown = repro("model", "show", "hf:owner/model@main", **own)
        own["XDG_CONFIG_HOME"] = str(tmp_path / "config")
        added = repro("model", "add", "hf:owner/model@main", "--id", "tiny-ir", **own)
        assert added.returncode == 0, added.stderr
        assert 'format = "openvino"' in (tmp_path / "config/repro-harness/models/tiny-ir.toml").read_text("utf-8")
        again = repro("model", "fetch", "tiny-ir", **own)
        assert again.stdout == done.stdout, again.stderr
    place = Path(done.stdout.replace("\n", "").strip())
    assert {path.name for path in place.iterdir()} == there.keys()
    assert "OpenVINO-int4-asym-g16" in shown.stdout
