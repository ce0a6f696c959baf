"""What would only fail when the record is written is refused before anything is measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import BadInput, NotEnoughSpace
from harness.progress import SILENT
from harness.record import store
from harness.record.keys import PublicKeys, Signers
from harness.run.bench import prepare
from harness.run.prepare import asked, model_files
from harness.run.request import Request
from runtimes.table import find
from tests.support import tiny_gguf, tiny_models
from tests.support.registry_world import key, text


def model(folder: Path, name: str = "tiny.gguf") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(tiny_gguf.build(tiny_gguf.LONG))
    return folder / name


def prepared(tmp_path: Path, path: Path, **more: object) -> object:
    request = Request(str(path), "simulated", "quick", **{"results": tmp_path / "results", **more})  # type: ignore[arg-type]
    return prepare(request, tmp_path / "cache", SILENT)


@pytest.fixture
def nothing_is_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a model of many gigabytes would be read")

    monkeypatch.setattr(model_files, "identify", refuse)


@pytest.mark.usefixtures("nothing_is_hashed")
def test_a_model_whose_name_makes_the_records_folder_too_long(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"a name of 28\d bytes .* is too long for the file system; give the model's file"
    ):
        prepared(tmp_path, model(tmp_path, "m" * 240 + ".gguf"))
    assert not (tmp_path / "results").exists()


@pytest.mark.usefixtures("nothing_is_hashed")
def test_a_results_folder_so_deep_that_no_record_fits_below_it(tmp_path: Path) -> None:
    deep = tmp_path
    while len(str(deep)) < 3800:
        deep /= "d" * 200
    deep /= "d" * (4060 - len(str(deep)))  # a path has 4,095 bytes at most, and the folder's name more than 35
    with pytest.raises(BadInput, match=r"in a path of 4\d\d\d, is too long"):
        prepared(tmp_path, model(tmp_path), results=deep)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"settings": ("context=8",)}, "too few"),
        ({"resume": True}, "no unfinished run"),
        ({"suite": "nightly"}, "suite"),
    ],
)
@pytest.mark.usefixtures("nothing_is_hashed")
def test_a_run_that_is_refused_leaves_no_folder_of_results(tmp_path: Path, more: dict[str, object], words: str) -> None:
    request = Request(str(model(tmp_path)), "simulated", **{"suite": "quick", "results": tmp_path / "a" / "b", **more})  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=words):
        prepare(request, tmp_path / "cache", SILENT)
    assert not (tmp_path / "a").exists()


@pytest.mark.usefixtures("nothing_is_hashed")
def test_a_format_that_the_runtime_does_not_read_is_refused_by_the_header(tmp_path: Path) -> None:
    tiny_models.write_folder(tmp_path / "folder")
    request = Request(str(tmp_path / "folder"), "mistralrs", "quick", python=Path("/bin/true"), results=tmp_path / "r")
    with pytest.raises(BadInput, match="reads gguf, this is safetensors"):
        prepare(request, tmp_path / "cache", SILENT)


@pytest.mark.usefixtures("nothing_is_hashed")
def test_a_model_trained_for_less_than_the_suite_needs_is_refused_by_the_header(tmp_path: Path) -> None:
    short = model(tmp_path)
    short.write_bytes(tiny_gguf.build())
    request = Request(str(short), "simulated", "quick", results=tmp_path / "r")
    with pytest.raises(BadInput, match=r"trained for 128 tokens, and quick-v1 needs 512 or more"):
        prepare(request, tmp_path / "cache", SILENT)


@pytest.mark.usefixtures("nothing_is_hashed")
def test_a_results_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    with pytest.raises(BadInput, match="can't be written"):
        prepared(tmp_path, model(tmp_path))


@pytest.mark.usefixtures("nothing_is_hashed")
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "RESULT_ROOM_BYTES", 1 << 62)
    with pytest.raises(NotEnoughSpace, match="MiB are needed"):
        prepared(tmp_path, model(tmp_path))


@pytest.mark.usefixtures("nothing_is_hashed")
def test_keys_in_a_place_where_no_run_can_be_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretending = find("simulated").capabilities
    monkeypatch.setattr(type(find("simulated")), "capabilities", replace(pretending, synthetic=False))
    place = tmp_path / "keys"
    place.write_text("")
    public = PublicKeys("ann", text(key("ann")), "0" * 64, text(key("rig")))
    with pytest.raises(BadInput, match="can't be written"):
        prepared(tmp_path, model(tmp_path), signers=Signers(public, key("ann"), key("rig"), place))


@pytest.mark.parametrize("name", ["a model, with spaces", "größer", "名前", "a" * 200])
def test_any_other_name_of_a_model_makes_a_folder_of_plain_letters(tmp_path: Path, name: str) -> None:
    prepared(tmp_path, model(tmp_path, f"{name}.gguf"))
    folder = store.folder_name("2026-11-28T01:02:03Z", name, "llama.cpp", "quick-v1", "0" * 64)
    assert folder.isascii()
    assert len(folder) < 256


@pytest.mark.parametrize(
    ("model", "folder"),
    [
        ("owner/model-7b", "20261128T010203Z_owner-model-7b_llama.cpp_quick-v1_abcdef12"),
        ("../../etc", "20261128T010203Z_..-..-etc_llama.cpp_quick-v1_abcdef12"),
    ],
)
def test_a_name_with_slashes_stays_one_folder(model: str, folder: str) -> None:
    assert store.folder_name("2026-11-28T01:02:03Z", model, "llama.cpp", "quick-v1", "abcdef12" * 8) == folder
