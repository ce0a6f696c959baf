"""A model by the name that was given: Hugging Face's cache, links, and what is no model at all."""

import os
import socket
import threading

import pytest

from harness.catalog import gguf, model_folder, models, safetensors
from harness.catalog.identity import identify
from harness.errors import BadInput
from harness.record.canonical import canonical
from tests.support import tiny_gguf, tiny_models
from tests.support.patience import PATIENCE_S

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def cached(place, files, repo="models--owner--some-name"):
    """As huggingface_hub lays it out: relative links to blobs that are named by their digests."""
    root = place / "registry" / repo
    snapshot = root / "snapshots" / COMMIT
    (root / "blobs").mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(COMMIT)
    for number, (name, data) in enumerate(sorted(files.items())):
        (root / "blobs" / f"{number:064x}").write_bytes(data)
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(root / "blobs" / f"{number:064x}", link.parent))
    return snapshot


def who_is(path, tmp_path):
    found = models.resolve(str(path))
    return identify(found, found, tmp_path / "cache")


def folder_files(tmp_path):
    return {path.name: path.read_bytes() for path in tiny_models.write_folder(tmp_path / "plain").iterdir()}


@pytest.mark.parametrize("name", ["model.gguf", "Model.GGUF", "sub/my model é.gguf"])
def test_a_gguf_of_hugging_faces_cache_keeps_its_name(tmp_path, name):
    snapshot = cached(tmp_path, {name: tiny_gguf.build()})
    who = who_is(snapshot / name, tmp_path)
    assert who.file == name.rpartition("/")[2]
    assert who.name == who.file.rpartition(".")[0]
    assert who.reference == f"hf:owner/some-name@{COMMIT}/{name}"
    assert who.format == "gguf"


def test_a_snapshot_is_named_by_its_repository(tmp_path):
    snapshot = cached(tmp_path, folder_files(tmp_path))
    who = who_is(snapshot, tmp_path)
    assert (who.name, who.file) == ("owner/some-name", "some-name")
    assert who.reference == f"hf:owner/some-name@{COMMIT}"
    assert who.sha256 == who_is(tmp_path / "plain", tmp_path).sha256
    assert who_is(f"{snapshot}/", tmp_path) == who


def test_instruct_is_read_from_the_repository_s_name(tmp_path):
    snapshot = cached(tmp_path, folder_files(tmp_path), "models--owner--Tiny-Instruct")
    assert who_is(snapshot, tmp_path).variant == "instruct"


def test_a_repository_s_folder_is_answered_with_its_snapshot(tmp_path):
    snapshot = cached(tmp_path, folder_files(tmp_path))
    with pytest.raises(BadInput, match=f"name the model in it: {snapshot}"):
        models.resolve(str(snapshot.parents[1]))


def test_a_link_of_one_s_own_keeps_its_name_too(tmp_path):
    (tmp_path / "blob").write_bytes(tiny_gguf.build())
    (tmp_path / "nice.gguf").symlink_to("blob")
    who = who_is(tmp_path / "nice.gguf", tmp_path)
    assert (who.name, who.reference) == ("nice", "nice.gguf")
    assert who.sha256 == who_is_blob(tmp_path)


def who_is_blob(tmp_path):
    (tmp_path / "copy.gguf").write_bytes((tmp_path / "blob").read_bytes())
    return who_is(tmp_path / "copy.gguf", tmp_path).sha256


def test_home_and_here_are_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.gguf").write_bytes(tiny_gguf.build())
    assert models.resolve("~/a.gguf") == tmp_path / "a.gguf"
    folder = tiny_models.write_folder(tmp_path / "folder")
    monkeypatch.chdir(folder)
    assert who_is(".", tmp_path).name == "folder"
    monkeypatch.chdir(tmp_path)
    assert who_is("folder/", tmp_path).name == "folder"
    assert models.resolve("a.gguf") == tmp_path / "a.gguf"


def bad_places(place):
    """name → what is wrong with it"""
    (place / "dangling.gguf").symlink_to("gone")
    (place / "loop.gguf").symlink_to("loop.gguf")
    os.mkfifo(place / "pipe.gguf")
    (place / "zero.gguf").symlink_to("/dev/zero")
    (place / "folder-pipe").symlink_to("pipe.gguf")
    (place / "one.safetensors").write_bytes(b"x")
    (place / "m-00001-of-00003.gguf").write_bytes(tiny_gguf.build())
    (place / "M-00002-OF-00003.GGUF").write_bytes(tiny_gguf.build())
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(place / "s.gguf"))
    return {
        "dangling.gguf": "is a link to gone, which is not there",
        "loop.gguf": "is a link that leads to itself",
        "pipe.gguf": "this is a pipe",
        "zero.gguf": "this is a device",
        "folder-pipe": "this is a pipe",
        "s.gguf": "this is a socket",
        "one.safetensors": f"name its folder: {place}",
        "m-00001-of-00003.gguf": "shard 2 of 3 is missing",
        "M-00002-OF-00003.GGUF": "name the first: M-00001-OF-00003.GGUF",
        "a\0b.gguf": "must be a path",
        "bad-\udcff.gguf": "no such file",
    }


@pytest.fixture
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("p")


@pytest.mark.parametrize("name", ["dangling.gguf", "loop.gguf", "pipe.gguf", "zero.gguf", "folder-pipe", "s.gguf", "one.safetensors",
                                  "m-00001-of-00003.gguf", "M-00002-OF-00003.GGUF", "a\0b.gguf", "bad-\udcff.gguf"])  # fmt: skip
def test_what_is_no_model_is_refused_by_its_kind(place, tmp_path, name):
    words = bad_places(place)[name]
    with pytest.raises(BadInput) as caught:
        who_is(f"{place}/{name}", tmp_path)
    assert words in str(caught.value)


def test_a_name_that_is_no_text_is_refused_before_anything_is_measured(tmp_path):
    path = tmp_path / "bad-\udcff.gguf"
    path.write_bytes(tiny_gguf.build())
    with pytest.raises(BadInput, match="its name is not UTF-8"):
        models.resolve(str(path))


def in_time(work):
    """A pipe that is opened blocks for ever: that must not be how this is found out."""
    ended = []
    worker = threading.Thread(target=lambda: ended.append(work()), daemon=True)
    worker.start()
    worker.join(PATIENCE_S)
    assert ended, "it waits for somebody to write into the pipe"
    return ended[0]


def refusal(work):
    try:
        work()
    except BadInput as error:
        return str(error)
    return "nothing was refused"


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "x.jinja"]
)
def test_a_pipe_in_a_model_s_folder_is_refused_and_not_opened(tmp_path, name):
    folder = tiny_models.write_folder(tmp_path / "m")
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    said = in_time(lambda: refusal(lambda: model_folder.header(folder)))
    assert "this is a pipe" in said
    assert name in said


def test_pipes_are_not_opened_by_the_readers_themselves(tmp_path):
    os.mkfifo(tmp_path / "p")
    for read in (gguf.read, safetensors.read):
        assert "this is a pipe" in in_time(lambda read=read: refusal(lambda: read(tmp_path / "p")))


@pytest.mark.parametrize(
    ("name", "mib"),
    [("config.json", 17), ("generation_config.json", 17), ("model.safetensors.index.json", 129), ("tokenizer.json", 257),
     ("chat_template.jinja", 65)],
)  # fmt: skip
def test_an_enormous_file_beside_the_weights_is_refused_by_its_size(tmp_path, name, mib):
    folder = tiny_models.write_folder(tmp_path / "m")
    with (folder / name).open("ab") as file:
        file.truncate(mib << 20)  # a hole: to read it would still take its size in memory
    with pytest.raises(BadInput, match=f"is {mib} MiB large and must be at most {mib - 1} MiB"):
        model_folder.header(folder)


def test_links_in_a_folder_must_lead_to_files(tmp_path):
    folder = tiny_models.write_folder(tmp_path / "m")
    (folder / "extra.json").symlink_to("../gone.json")
    with pytest.raises(BadInput, match=r"extra\.json: is a link to \.\./gone\.json, which is not there"):
        model_folder.header(folder)
    (folder / "extra.json").unlink()
    (folder / "loop").symlink_to("loop")
    with pytest.raises(BadInput, match="leads to itself"):
        model_folder.header(folder)
    (folder / "loop").unlink()
    (folder / "out").symlink_to("/")
    with pytest.raises(BadInput, match="this is a link to a folder"):
        model_folder.header(folder)


def test_python_behind_a_link_is_python(tmp_path):
    folder = tiny_models.write_folder(tmp_path / "m")
    (tmp_path / "blob").write_text("print('no')")
    (folder / "modeling_x.py").symlink_to("../blob")
    with pytest.raises(BadInput, match="the folder holds Python"):
        model_folder.header(folder)


def test_a_whole_disk_is_no_model(tmp_path, monkeypatch):
    monkeypatch.setattr(safetensors, "MAX_ENTRIES", 20)
    folder = tiny_models.write_folder(tmp_path / "m")
    for index in range(20):
        (folder / f"{index}.txt").touch()
    with pytest.raises(BadInput, match="holds more than 20 files"):
        model_folder.header(folder)


def test_a_name_beyond_ascii_can_be_recorded(tmp_path):
    path = tmp_path / "mein Modell é%.gguf"
    path.write_bytes(tiny_gguf.build())
    found = who_is(path, tmp_path).to_json()
    assert found["file"] == path.name
    assert list(found["files"]) == ["mein Modell %C3%A9%25.gguf"]  # a record's keys are ASCII
    assert canonical(found)


@pytest.mark.parametrize("kind", ["mmproj", "adapter", "imatrix"])
def test_what_lies_beside_a_model_is_not_measured_as_one(tmp_path, kind):
    path = tmp_path / "beside.gguf"
    path.write_bytes(tiny_gguf.build({**tiny_gguf.METADATA, "general.type": kind}))
    with pytest.raises(BadInput, match=f"holds a {kind}, not a model"):
        who_is(path, tmp_path)
