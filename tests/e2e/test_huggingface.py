"""Downloads from a Hugging Face: the real client against a local server, in a process of its own as `repro` runs it."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support import forked, huggingface, tiny_gguf, tiny_models
from tests.support.patience import PATIENCE_S

NOWHERE = "http://127.0.0.1:9"  # nobody listens there
MODEL = tiny_gguf.build(tensors={**tiny_gguf.TENSORS, "blk.0.big": (512, 12288)})  # 24 MiB


@pytest.fixture
def served():
    with huggingface.serving({"tiny.gguf": MODEL, "model.bin": b"pickle"}) as (served, address):
        served.address = address
        yield served


@pytest.fixture
def repro(served, tmp_path):
    def run(*arguments, **more):
        environment = (
            os.environ
            | {
                "HF_ENDPOINT": served.address,
                "XDG_CACHE_HOME": str(tmp_path / "cache"),
                "HF_HUB_DOWNLOAD_TIMEOUT": "5",
                "HF_HOME": str(tmp_path / "theirs"),
                "HF_TOKEN": "",
                "XDG_CONFIG_HOME": str(tmp_path / "config"),
            }
            | more
        )
        return forked.run(arguments, environment, Path.cwd(), 120)

    run.cache = tmp_path / "cache"
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


def test_a_broken_download_continues_where_it_stopped(repro, served):
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
        ("hf:owner", "write hf:owner/name"),
        ("hf:owner/model", "holds GGUF files, not safetensors; name a file: tiny.gguf"),
        ("hf:owner/model:Q4_K_M", "no file is of that quantisation: tiny.gguf"),
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


# Repositories of safetensors, shards, the user's own cache and token


@pytest.fixture
def folder(served, tmp_path):
    """A repository of safetensors with what else such repositories hold."""
    made = tiny_models.write_folder(tmp_path / "made")
    served.files = {path.name: path.read_bytes() for path in made.iterdir()}
    served.files |= {
        "README.md": b"read me",
        "extra.bin": b"pickle",
        "run.py": b"raise SystemExit(1)",
        "onnx/model.onnx": b"x",
    }
    return made


def fetched(done):
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.replace("\n", "").strip())


def test_a_repository_is_fetched_by_an_allow_list_and_pinned(repro, served, folder):
    path = fetched(repro("model", "fetch", "hf:owner/model"))
    assert sorted(one.name for one in path.iterdir()) == sorted(one.name for one in folder.iterdir())
    assert set(served.revisions) == {huggingface.COMMIT}
    shown = json.loads(repro("model", "show", "hf:owner/model", "--json").stdout)
    assert shown["reference"] == f"hf:owner/model@{huggingface.COMMIT}"
    assert (shown["name"], shown["format"]) == ("owner/model", "safetensors")


def test_a_pull_request_s_revision_is_asked_for_and_pinned(repro, served, folder):
    fetched(repro("model", "fetch", "hf:owner/model@refs/pr/1"))
    assert set(served.revisions) == {huggingface.COMMIT}


def test_what_was_fetched_is_not_fetched_again_and_a_commit_needs_no_network(repro, served, folder):
    fetched(repro("model", "fetch", "hf:owner/model"))
    served.downloads.clear()
    fetched(repro("model", "fetch", "hf:owner/model@main"))
    assert served.downloads == []
    served.address = "http://127.0.0.1:9"
    fetched(repro("model", "fetch", f"hf:owner/model@{huggingface.COMMIT}"))


def test_weights_that_broke_off_continue(repro, served, folder):
    fetched(repro("model", "fetch", "hf:owner/model"))
    weights = next(Path(repro.cache).rglob("model.safetensors"))
    data = weights.read_bytes()
    weights.unlink()
    weights.with_name("model.safetensors.part").write_bytes(data[:500_000])
    served.ranges.clear()
    path = fetched(repro("model", "fetch", "hf:owner/model"))
    assert served.ranges == ["bytes=500000-"]
    assert (path / "model.safetensors").read_bytes() == data


def test_a_repository_that_names_code_is_refused_before_its_weights(repro, served, folder):
    config = json.loads(served.files["config.json"]) | {"auto_map": {"AutoModel": "run.Model"}}
    served.files["config.json"] = json.dumps(config).encode()
    done = repro("model", "fetch", "hf:owner/model")
    assert done.returncode == 2
    assert "names code to run (auto_map)" in done.stderr
    assert "model.safetensors" not in served.downloads
    read = repro("fit", "hf:owner/model", "--runtime", "pytorch", "--json")  # it runs nothing
    assert read.returncode in (0, 3), read.stderr
    assert json.loads(read.stdout)
    assert "Traceback" not in read.stderr
    done = repro("bench", "--model", "hf:owner/model", "--runtime", "pytorch")
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda files: files.pop("config.json"), "has no config.json"),
        (lambda files: files.update({"model.safetensors": None, "pytorch_model.bin": b"x"}), "holds no safetensors"),
        (lambda files: files.update({"model.safetensors": None, "a.safetensors": b"x", "b.safetensors": b"x"}), "2 weight files and no"),
        (lambda files: files.update({"model.safetensors.index.json": b'{"weight_map": {"a": "gone.safetensors"}}'}), "gone.safetensors"),
    ],
)  # fmt: skip
def test_a_repository_that_is_no_model_is_refused_in_one_line(repro, served, folder, change, words):
    change(served.files)
    served.files = {name: data for name, data in served.files.items() if data is not None}
    done = repro("model", "fetch", "hf:owner/model")
    assert done.returncode == 2
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not [name for name in served.downloads if name.endswith((".safetensors", ".bin"))]


def test_a_small_file_that_is_not_what_was_stated_is_refused(repro, served, folder):
    served.digest_lie = "0" * 64
    done = repro("model", "fetch", "hf:owner/model")
    assert done.returncode == 2
    assert "its Git digest is" in done.stderr


def test_more_bytes_than_stated_are_refused(repro, served, folder):
    served.longer.add("model.safetensors")
    done = repro("model", "fetch", "hf:owner/model")
    assert done.returncode == 2
    assert "more than the" in done.stderr
    assert not list(Path(repro.cache).rglob("model.safetensors*"))


def test_shards_are_found_by_quantisation_and_by_their_first(repro, served, tmp_path):
    first = tiny_models.write_gguf(tmp_path / "tiny-F32.gguf", tensors_a_file=8)
    served.files = {f"F32/{path.name}": path.read_bytes() for path in tmp_path.glob("tiny-F32-*")}
    path = fetched(repro("model", "fetch", "hf:owner/model:F32"))
    assert path.name == first.name
    assert len(list(path.parent.iterdir())) == 3
    shown = json.loads(repro("model", "show", f"hf:owner/model/F32/{first.name}", "--json").stdout)
    assert shown["reference"] == f"hf:owner/model@{huggingface.COMMIT}/F32/{first.name}"
    assert len(shown["files"]) == 3


def their_cache(tmp_path, files):
    """As the library itself lays it out: blobs by digest, links in the snapshot."""
    place = tmp_path / "theirs" / "hub" / "models--owner--model"
    snapshot = place / "snapshots" / huggingface.COMMIT
    snapshot.mkdir(parents=True)
    (place / "blobs").mkdir()
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(huggingface.COMMIT)
    for name, data in files.items():
        digest = huggingface.blob_id(data) if name.endswith(huggingface.SMALL) else sha256(data).hexdigest()
        (place / "blobs" / digest).write_bytes(data)
        (snapshot / name).symlink_to(f"../../blobs/{digest}")
    return place


def test_what_their_cache_holds_is_used_and_never_fetched(repro, served, folder, tmp_path):
    place = their_cache(tmp_path, {path.name: path.read_bytes() for path in folder.iterdir()})
    before = sorted((str(p), p.lstat().st_mtime_ns) for p in place.rglob("*"))
    path = fetched(repro("model", "fetch", "hf:owner/model"))
    assert served.downloads == []
    assert (path / "model.safetensors").resolve().is_relative_to(place)
    assert json.loads(repro("model", "show", "hf:owner/model", "--json").stdout)["name"] == "owner/model"
    assert sorted((str(p), p.lstat().st_mtime_ns) for p in place.rglob("*")) == before


def damage(place, name):
    """Other bytes, as many, under the same digest."""
    path = (place / "snapshots" / huggingface.COMMIT / name).resolve()
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def test_what_their_cache_holds_damaged_is_fetched(repro, served, folder, tmp_path):
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    damage(their_cache(tmp_path, files), "model.safetensors")
    path = fetched(repro("model", "fetch", "hf:owner/model"))
    assert served.downloads == ["model.safetensors"]
    assert (path / "model.safetensors").read_bytes() == files["model.safetensors"]


def test_without_network_the_commit_of_their_cache_is_named(repro, served, folder, tmp_path):
    their_cache(tmp_path, {})
    served.address = NOWHERE
    done = repro("model", "fetch", "hf:owner/model")
    assert done.returncode == 2
    assert f"knows main as @{huggingface.COMMIT}" in done.stderr


def test_without_network_a_commit_is_taken_from_their_cache_checked_and_said(repro, served, folder, tmp_path):
    place = their_cache(tmp_path, {path.name: path.read_bytes() for path in folder.iterdir()})
    before = sorted((str(p), p.lstat().st_mtime_ns) for p in place.rglob("*"))
    served.address = NOWHERE
    assert repro("fit", f"hf:owner/model@{huggingface.COMMIT}", "--runtime", "pytorch").returncode in (0, 1)
    done = repro("model", "fetch", f"hf:owner/model@{huggingface.COMMIT}")
    assert "Hugging Face can't be reached: the commit is taken as your own cache has it" in done.stderr
    path = fetched(done)
    assert (path / "model.safetensors").resolve().is_relative_to(place)
    assert not list((repro.cache).rglob(f"{huggingface.COMMIT}.json"))  # it may lack files: asked again with a network
    shown = json.loads(repro("model", "show", f"hf:owner/model@{huggingface.COMMIT}", "--json").stdout)
    assert shown["name"] == "owner/model"
    assert sorted((str(p), p.lstat().st_mtime_ns) for p in place.rglob("*")) == before


def test_without_network_a_file_of_their_cache_is_taken_by_its_name(repro, served, tmp_path):
    their_cache(tmp_path, {"tiny.gguf": MODEL})
    served.address = NOWHERE
    path = fetched(repro("model", "fetch", f"hf:owner/model@{huggingface.COMMIT}/tiny.gguf"))
    assert path.read_bytes() == MODEL
    done = repro("model", "fetch", f"hf:owner/model@{huggingface.COMMIT}:Q4_K_M")
    assert done.returncode == 2
    assert "your own cache may lack files: it has tiny.gguf" in done.stderr


def test_without_network_what_their_cache_holds_damaged_or_unnamed_is_refused(repro, served, folder, tmp_path):
    place = their_cache(tmp_path, {path.name: path.read_bytes() for path in folder.iterdir()})
    served.address = NOWHERE
    damage(place, "model.safetensors")
    done = repro("model", "fetch", f"hf:owner/model@{huggingface.COMMIT}")
    assert done.returncode == 2
    assert "model.safetensors of your own cache is not the file of the digest" in done.stderr
    link = place / "snapshots" / huggingface.COMMIT / "model.safetensors"
    link.unlink()
    link.write_bytes((folder / "model.safetensors").read_bytes())  # as on a system without links
    done = repro("model", "fetch", f"hf:owner/model@{huggingface.COMMIT}")
    assert done.returncode == 2
    assert "has no digest there: it can't be checked" in done.stderr


@pytest.mark.parametrize("how", ["variable", "file", "path"])
def test_a_gated_repository_opens_with_the_token(repro, served, folder, tmp_path, how):
    served.token = "hf_secret"
    refused = repro("model", "fetch", "hf:owner/model")
    assert refused.returncode == 2
    assert "gated" in refused.stderr
    more = {"HF_TOKEN": "hf_secret"} if how == "variable" else {}
    if how == "file":
        (tmp_path / "theirs").mkdir()
        (tmp_path / "theirs" / "token").write_text("hf_secret\n")
    if how == "path":
        (tmp_path / "token").write_text("hf_secret")
        more = {"HF_TOKEN_PATH": str(tmp_path / "token")}
    done = repro("model", "fetch", "hf:owner/model", **more)
    assert done.returncode == 0, done.stderr
    assert "hf_secret" not in done.stdout + done.stderr


# Entries of the user's own catalogue


@pytest.mark.parametrize("kind", ["folder", "file", "shards"])
def test_an_added_model_is_named_by_its_id_from_then_on(repro, served, tmp_path, kind):
    if kind == "folder":
        made = tiny_models.write_folder(tmp_path / "made")
        served.files = {path.name: path.read_bytes() for path in made.iterdir()}
    if kind == "shards":
        tiny_models.write_gguf(tmp_path / "tiny-F32.gguf", tensors_a_file=8)
        served.files = {f"F32/{path.name}": path.read_bytes() for path in tmp_path.glob("tiny-F32-*")}
    reference = {"folder": "hf:owner/model", "file": "hf:owner/model/tiny.gguf", "shards": "hf:owner/model:F32"}[kind]
    added = repro("model", "add", reference, "--id", "my-own")
    assert added.returncode == 0, added.stderr
    served.address = "http://127.0.0.1:9"
    assert "my-own" in repro("model", "list").stdout
    path = fetched(repro("model", "fetch", "my-own"))
    by_id, by_reference = (
        json.loads(repro("model", "show", text, "--json").stdout)
        for text in ("my-own", reference.replace("model", f"model@{huggingface.COMMIT}", 1))
    )
    assert by_id == by_reference, "the record must say what everybody can fetch"
    assert repro("model", "verify", "my-own").returncode == 0
    weights = path / "model.safetensors" if kind == "folder" else path
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    for command in ("verify", "show", "fetch"):
        changed = repro("model", command, "my-own")
        assert changed.returncode == 2
        assert "the catalogue says" in changed.stderr


def test_an_entry_that_can_not_be_made_is_refused(repro, served, tmp_path):
    (tmp_path / "m.gguf").write_bytes(MODEL)
    reference = "hf:owner/model/tiny.gguf"
    for arguments, words in (
        ((str(tmp_path / "m.gguf"),), "must be a model of Hugging Face"),
        (("gemma-3-270m-q4_k_m",), "must be a model of Hugging Face"),
        ((reference, "--id", "Ä/b"), "can't be an id"),
        ((reference, "--id", "gemma-3-270m-q4_k_m"), "has a model 'gemma-3-270m-q4_k_m' already"),
    ):
        done = repro("model", "add", *arguments)
        assert done.returncode == 2
        assert words in done.stderr.splitlines()[-1]
    assert not (tmp_path / "config").exists()


def test_an_entry_that_was_edited_badly_is_named(repro, served, tmp_path):
    assert repro("model", "add", "hf:owner/model/tiny.gguf").returncode == 0
    (path,) = (tmp_path / "config").rglob("*.toml")
    path.write_text(path.read_text().replace("sha256", "sha"))
    done = repro("model", "fetch", path.stem)
    assert done.returncode == 2
    assert str(path.name) in done.stderr.replace("\n", "")


# The memory that a model needs, from its first bytes


def test_the_fit_of_a_gguf_is_told_from_its_header_alone(repro, served):
    done = repro("fit", "hf:owner/model/tiny.gguf", "--backend", "cpu", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["model"] == "hf:owner/model@main/tiny.gguf"
    sizes = {part["kind"]: part["bytes"] for part in told["parts"]}
    assert sizes["weights"] == 4 * (512 * 12288 + 64 * 4 * 2 + 64 * 64 + 64)
    assert sizes["KV cache"] == 256 * 2 * 2 * 16 * 2
    assert served.sent <= 1 << 20
    assert set(served.revisions) == {huggingface.COMMIT}


def test_the_fit_of_a_folder_is_told_from_its_descriptions_and_the_headers(repro, served, folder):
    done = repro("fit", "hf:owner/model", "--runtime", "pytorch", "--backend", "cpu", "--context", "1024", "--json")
    assert done.returncode == 0, done.stderr
    sizes = {part["kind"]: part["bytes"] for part in json.loads(done.stdout)["parts"]}
    assert sizes["KV cache"] == 1024 * 2 * 2 * 64 * 4  # two layers, K and V, 64 wide, float32
    assert sizes["working memory"] is None
    assert not list(repro.cache.rglob("*.safetensors"))


def test_a_header_that_is_no_header_is_refused(repro, served):
    served.files["tiny.gguf"] = b"no model" * 1000
    assert_refused(repro("fit", "hf:owner/model/tiny.gguf"), "is not a GGUF file")
    served.files["tiny.gguf"] = MODEL[:500]
    assert_refused(repro("fit", "hf:owner/model/tiny.gguf"), "ends inside its header")
    served.gated = True
    assert_refused(repro("fit", "hf:owner/model/tiny.gguf"), "gated")


def assert_refused(done, words):
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_model_that_the_memory_can_not_hold_is_refused_before_it_is_fetched(served, tmp_path):
    program = """
import sys
from harness.capture.rooms import Rooms
from harness.run.prepare import memory_need
memory_need.read_rooms = lambda *_: Rooms(1 << 20, 1 << 20, ())
from harness.cli import main
main(["bench", "--model", "hf:owner/model/tiny.gguf", "--suite", sys.argv[1], "--backend", "cpu", "-o", "load_mode=none"])
"""
    suite = Path(__file__).parents[1] / "data" / "small-v1.toml"
    home = {
        "HF_ENDPOINT": served.address,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HF_HOME": str(tmp_path / "theirs"),
    }
    done = subprocess.run(
        [sys.executable, "-c", program, str(suite)], env=os.environ | home | {"XDG_CONFIG_HOME": str(tmp_path / "config")},
        cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert_refused(done, "the model needs about")
    assert served.sent <= 1 << 20
