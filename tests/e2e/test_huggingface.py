"""Downloads from a Hugging Face: the real client against a local server, in a process of its own as `repro` runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import huggingface, tiny_gguf

MODEL = tiny_gguf.build(tensors={**tiny_gguf.TENSORS, "blk.0.big": (512, 12288)})  # 24 MiB


@pytest.fixture
def served():
    with huggingface.serving({"tiny.gguf": MODEL, "model.bin": b"pickle"}) as (served, address):
        served.address = address
        yield served


@pytest.fixture
def repro(served, tmp_path):
    def run(*arguments):
        environment = os.environ | {
            "HF_ENDPOINT": served.address,
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "HF_HUB_DOWNLOAD_TIMEOUT": "5",
        }
        program = "from harness.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, text=True, timeout=120
        )

    return run


def test_a_file_is_fetched_at_a_pinned_commit_and_checked(repro, served, tmp_path):
    done = repro("model", "fetch", "hf:owner/model@main/tiny.gguf")
    assert done.returncode == 0, done.stderr
    path = done.stdout.replace("\n", "").strip()
    assert Path(path).read_bytes() == MODEL
    assert set(served.revisions) == {huggingface.COMMIT}, "the branch was followed instead of the commit"
    shown = repro("model", "show", "hf:owner/model@main/tiny.gguf")
    assert "F32" in shown.stdout
    outside = [
        p for p in tmp_path.rglob("*") if p.is_file() and not p.is_relative_to(tmp_path / "cache" / "repro-harness")
    ]
    assert not outside


def test_a_broken_download_goes_on_where_it_stopped(repro, served):
    served.cut_at = 15_000_000
    broken = repro("model", "fetch", "hf:owner/model@main/tiny.gguf")
    assert broken.returncode == 2
    assert "it continues where it stopped" in broken.stderr.splitlines()[-1]
    assert "Traceback" not in broken.stderr
    done = repro("model", "fetch", "hf:owner/model@main/tiny.gguf")
    assert done.returncode == 0, done.stderr
    (asked,) = served.ranges
    assert 14_000_000 <= int(asked.removeprefix("bytes=").rstrip("-")) <= 15_000_000
    assert Path(done.stdout.replace("\n", "").strip()).read_bytes() == MODEL


def test_a_file_at_a_commit_needs_the_network_once(repro, served):
    reference = f"hf:owner/model@{huggingface.COMMIT}/tiny.gguf"
    assert repro("model", "fetch", reference).returncode == 0
    served.address = "http://127.0.0.1:9"
    assert repro("model", "fetch", reference).returncode == 0


def test_a_wrong_file_is_not_believed_the_second_time(repro, served):
    served.digest_lie = "0" * 64
    for _ in range(2):
        assert repro("model", "fetch", f"hf:owner/model@{huggingface.COMMIT}/tiny.gguf").returncode == 2


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("hf:owner/nothing@main/tiny.gguf", "no such repository"),
        ("hf:owner/model@v9/tiny.gguf", "no such revision"),
        ("hf:owner/model@main/other.gguf", "no such file"),
        ("hf:owner/model@main/model.bin", "only .gguf files"),
        ("hf:owner/model", "write hf:owner/name@revision/file"),
    ],
)
def test_what_is_not_there_gets_one_clear_line(repro, reference, words):
    done = repro("model", "fetch", reference)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_gated_repository_is_named(repro, served):
    served.gated = True
    done = repro("model", "fetch", "hf:owner/model@main/tiny.gguf")
    assert done.returncode == 2
    assert "gated" in done.stderr
    assert "HF_TOKEN" in done.stderr


def test_a_file_that_is_not_what_the_huggingface_says_is_refused_and_deleted(repro, served, tmp_path):
    served.digest_lie = "0" * 64
    done = repro("model", "fetch", "hf:owner/model@main/tiny.gguf")
    assert done.returncode == 2
    assert "sha256" in done.stderr
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and p.stat().st_size == len(MODEL)]


def test_without_a_huggingface_there_is_one_clear_line(repro, served):
    served.address = "http://127.0.0.1:9"
    done = repro("model", "fetch", "hf:owner/model@main/tiny.gguf")
    assert done.returncode == 2
    assert "can't be fetched" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
