"""A model in several GGUF files is one model; what is missing, foreign or misnamed is refused in one line."""

import shutil

import pytest

from harness.catalog import models, shards
from harness.catalog.identity import identify
from harness.errors import BadInput
from harness.run.prepare import convert, unchanged
from tests.support import tiny_gguf, tiny_models


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("shards")
    tiny_models.write_gguf(place / "tiny.gguf", tensors_a_file=8)
    return place


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def who_is(text, cache):
    return identify(models.resolve(str(text)), models.resolve(str(text)), cache)


def first_of(place):
    return min(place.glob("*-00001-of-*.gguf"))


def test_all_shards_are_one_model_with_the_tensors_of_the_whole_file(folder, tmp_path):
    whole = who_is(tiny_models.write_gguf(tmp_path / "tiny.gguf"), tmp_path / "cache")
    split = who_is(first_of(folder), tmp_path / "cache")
    assert (split.name, split.format, split.quantisation) == ("tiny", "gguf", whole.quantisation)
    assert split.parameters == whole.parameters
    assert (split.tensor_bytes, split.bytes_per_token) == (whole.tensor_bytes, whole.bytes_per_token)
    assert sorted(split.files) == sorted(path.name for path in folder.iterdir())
    assert split.size == sum(path.stat().st_size for path in folder.iterdir())
    assert split.sha256 not in (*split.files.values(), whole.sha256)


def test_a_folder_of_shards_is_named_as_its_first(folder, tmp_path):
    assert models.resolve(str(folder)) == first_of(folder)
    assert who_is(folder, tmp_path) == who_is(first_of(folder), tmp_path)


def test_a_folder_of_one_file_and_its_projector_is_that_file(tmp_path):
    (tmp_path / "m.gguf").write_bytes(tiny_gguf.build())
    (tmp_path / "mmproj-m.gguf").write_bytes(tiny_gguf.build())
    assert models.resolve(str(tmp_path)) == tmp_path / "m.gguf"


def test_a_folder_of_several_models_names_them(copy):
    (copy / "other.gguf").write_bytes(tiny_gguf.build())
    with pytest.raises(BadInput, match=r"name one: other\.gguf, tiny-00001-of-"):
        models.resolve(str(copy))


def test_another_shard_than_the_first_names_the_first(folder, tmp_path):
    second = min(folder.glob("*-00002-of-*.gguf"))
    with pytest.raises(BadInput, match=f"name the first: {first_of(folder).name}"):
        who_is(second, tmp_path)


def test_a_missing_shard_is_named(copy, tmp_path):
    gone = max(copy.iterdir())
    gone.unlink()
    with pytest.raises(BadInput, match=f"shard 3 of 3 is missing.*{gone.name}|{gone.name}.*shard 3 of 3 is missing"):
        who_is(first_of(copy), tmp_path)


def test_shards_that_changed_places_are_refused(copy, tmp_path):
    second, third = sorted(copy.iterdir())[1:]
    second.rename(copy / "x"), third.rename(second), (copy / "x").rename(third)
    with pytest.raises(BadInput, match="must be shard 2, its header says another"):
        who_is(first_of(copy), tmp_path)


def test_a_shard_of_another_split_is_refused(copy, tmp_path):
    place = tmp_path / "other"
    place.mkdir()
    other = tiny_models.write_gguf(place / "tiny.gguf", tensors_a_file=15)
    shutil.copyfile(other, min(copy.glob("*-00002-of-*")))
    with pytest.raises(BadInput, match="must be 3 shards by name, and its header says 2"):
        who_is(first_of(copy), tmp_path)


def test_a_shard_that_holds_another_s_tensor_is_refused(tmp_path):
    for number in (0, 1):
        told = tiny_gguf.METADATA | {"split.no": number, "split.count": 2, "split.tensors.count": 8}
        (tmp_path / f"m-0000{number + 1}-of-00002.gguf").write_bytes(tiny_gguf.build(told))
    with pytest.raises(BadInput, match=r"holds the tensor 'token_embd\.weight' of another shard"):
        who_is(tmp_path / "m-00001-of-00002.gguf", tmp_path)


def test_shards_with_fewer_tensors_than_told_are_refused(tmp_path):
    for number, names in enumerate((("token_embd.weight", "output.weight"), ("norm.weight",))):
        told = tiny_gguf.METADATA | {"split.no": number, "split.count": 2, "split.tensors.count": 4}
        data = tiny_gguf.build(told, {name: tiny_gguf.TENSORS[name] for name in names})
        (tmp_path / f"m-0000{number + 1}-of-00002.gguf").write_bytes(data)
    with pytest.raises(BadInput, match="hold 3 tensors and must hold 4"):
        who_is(tmp_path / "m-00001-of-00002.gguf", tmp_path)


@pytest.mark.parametrize("name", ["m-00000-of-00002.gguf", "m-00003-of-00002.gguf", "m-00001-of-99999.gguf"])
def test_a_number_that_no_shard_has_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(tiny_gguf.build())
    with pytest.raises(BadInput, match="must be one of 1 to"):
        who_is(tmp_path / name, tmp_path)


def test_a_renamed_shard_is_refused_with_the_name_it_must_have(copy, tmp_path):
    first_of(copy).rename(tmp_path / "renamed.gguf")
    with pytest.raises(BadInput, match=r"NAME-00001-of-00003\.gguf"):
        who_is(tmp_path / "renamed.gguf", tmp_path)


def test_a_model_of_one_shard_is_read(tmp_path):
    path = tmp_path / "m-00001-of-00001.gguf"
    path.write_bytes(tiny_gguf.build(tiny_gguf.METADATA | {"split.no": 0, "split.count": 1, "split.tensors.count": 4}))
    assert who_is(path, tmp_path).name == "m"


def test_shards_are_not_converted(folder, tmp_path):
    with pytest.raises(BadInput, match="join them with llama-gguf-split"):
        convert.refuse_shards(who_is(first_of(folder), tmp_path))


def test_a_shard_that_changes_during_a_run_ends_it(copy, tmp_path):
    who = who_is(first_of(copy), tmp_path)
    states = unchanged.only(unchanged.look(first_of(copy)), who.files)
    assert set(states) == set(who.files)
    last = max(copy.iterdir())
    last.write_bytes(last.read_bytes()[:-1] + b"x")
    with pytest.raises(Exception, match="changed since its digest was taken"):
        unchanged.refuse_changed(first_of(copy), states, who.files)


def test_the_first_names_stand_for_all():
    names = ["a.gguf", "Q4/b-00002-of-00003.gguf", "Q4/b-00003-of-00003.gguf", "c-00001-of-00002.gguf"]
    assert shards.firsts(names) == ["Q4/b-00001-of-00003.gguf", "a.gguf", "c-00001-of-00002.gguf"]
    assert shards.names("Q4/b-00001-of-00002.gguf") == ["Q4/b-00001-of-00002.gguf", "Q4/b-00002-of-00002.gguf"]
