"""A list of candidates in a file, and the stretch of releases between good and bad: what is taken, what is refused."""

import os
import sys

import pytest

from harness.errors import BadInput
from harness.hunt.candidates import LIMIT, MOST, cut, read
from harness.hunt.question import slug, workload_of
from harness.hunt.releases import before, between, ends, newest, stretch
from harness.run.prepare.package_index import Answer, Offered
from runtimes.recipes import Recipe
from tests.support.simulated_hunts import question


@pytest.fixture
def folder(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin" / "python").symlink_to(sys.executable)
    for version in ("1.0", "1.1+g12ab"):
        (tmp_path / f"my_engine-{version}-py3-none-any.whl").write_bytes(version.encode())
    return tmp_path


def listed(folder, text, distribution="my-engine"):
    path = folder / "list.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, distribution)


def test_paths_are_relative_to_the_list_and_keep_their_order(folder):
    found = listed(
        folder, "# three\n\nnew/bin/python\nmy_engine-1.0-py3-none-any.whl\n my_engine-1.1+g12ab-py3-none-any.whl \n"
    )
    assert [one.name for one in found] == ["new", "1.0", "1.1+g12ab"]
    assert found[0].place == str(folder / "new/bin/python")
    assert len({one.sha256 for one in found}) == 3
    assert [one.name for one in cut(found, "1.0", None, "list")] == ["1.0", "1.1+g12ab"]


def test_a_list_that_windows_wrote_is_read(folder):
    found = listed(folder, "\ufeffold/bin/python\r\nnew/bin/python\r\n")
    assert [one.name for one in found] == ["old", "new"]


def test_two_of_one_name_get_their_numbers(folder):
    (folder / "deep" / "old" / "bin").mkdir(parents=True)
    (folder / "deep" / "old" / "bin" / "python").symlink_to(sys.executable)
    assert [one.name for one in listed(folder, "old/bin/python\ndeep/old/bin/python\n")] == ["old #1", "old #2"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names 0 candidates"),
        ("old/bin/python\n", "names 1 candidate;"),
        ("old/bin/python\nold/bin/python\n", "line 2: is the same as line 1"),
        ("old/bin/python\nno/bin/python\n", "line 2: "),
        ("old/bin/python\n/etc/passwd\n", "must be an interpreter"),
        ("old/bin/python\n/\n", "must be an interpreter"),
        ("old/bin/python\n$(touch x)\n", "must be an interpreter"),
        ("old/bin/python\n--help\n", "must be an interpreter"),
        ("old/bin/python\nnew/bin/python\x1b[2J\n", "must be a path"),
        ("old/bin/python\nnew/\x00bin/python\n", "must be a path"),
        ("old/bin/python\n" + "a" * 5000 + "\n", "must be a path"),
        ("old/bin/python\n" + "a" * 300 + "\n", "line 2: must be a path"),
        ("old/bin/python\n~nobody-is-called-so/bin/python\n", "line 2: must be a path"),
        (b"\xff\xfe\n", "UTF-8"),
        ("old/bin/python\nother-1.0-py3-none-any.whl\n", "must be a wheel of my-engine"),
        ("old/bin/python\nmy_engine-9-py3-none-any.whl\n", "must be a wheel's file"),
        ("old/bin/python\nmy_engine-..-py3.whl\n", "must be a wheel of my-engine"),
        ("#" * (LIMIT + 1), "list.txt"),
    ],
)
def test_what_is_no_candidate_is_refused_in_one_line_with_its_place(folder, text, said):
    with pytest.raises(BadInput) as refused:
        listed(folder, text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert str(refused.value).isprintable()


def test_a_pipe_and_too_many_are_refused(folder):
    os.mkfifo(folder / "my_engine-2.0-py3-none-any.whl")
    with pytest.raises(BadInput, match="must be a wheel's file"):
        listed(folder, "old/bin/python\nmy_engine-2.0-py3-none-any.whl\n")
    with pytest.raises(BadInput):
        read(folder / "my_engine-2.0-py3-none-any.whl", "my-engine")
    lines = []
    for number in range(MOST + 1):
        (folder / f"my_engine-3.{number}-py3-none-any.whl").write_bytes(b"")
        lines.append(f"my_engine-3.{number}-py3-none-any.whl\n")
    with pytest.raises(BadInput, match=f"more than {MOST}"):
        listed(folder, "".join(lines))


def test_a_runtime_without_a_recipe_takes_no_wheel(folder):
    with pytest.raises(BadInput, match="takes no wheels"):
        listed(folder, "my_engine-1.0-py3-none-any.whl\n", distribution="")


def test_good_must_come_before_bad_and_both_must_be_there(folder):
    found = listed(folder, "old/bin/python\nnew/bin/python\n")
    for good, bad, said in (
        ("new", "old", "must come before"),
        ("x", None, "no candidate 'x'"),
        ("new", None, "before"),
    ):
        with pytest.raises(BadInput, match=said):
            cut(found, good, bad, "list")


@pytest.mark.parametrize("name", ["../../etc", "a/b", ".", "..", "", "x" * 300, "ä\n b", "-rf", "con:"])
def test_a_folder_is_called_by_plain_letters(name):
    made = slug(name)
    assert 0 < len(made) <= 40
    assert made not in (".", "..")
    assert not set(made) & set("/\\:\n ")
    assert not made.startswith(".")


def offered(release, **how):
    return Offered(release, how.pop("usable", True), **how)


INDEX = (
    offered("1.3"), offered("1.3rc1"), offered("1.2", yanked="broken"), offered("1.1.post1"), offered("1.1", usable=False, fault="needs Python >=9"),
    offered("1.0"), offered("0.9"),
)  # fmt: skip


def test_between_good_and_bad_lies_what_pip_would_take_and_the_rest_is_named():
    taken, left_out = stretch(INDEX, "1.0", "1.3")
    assert taken == ["1.0", "1.1.post1", "1.3"]
    assert left_out == [
        "1.1: can't be had here: needs Python >=9", "1.2: withdrawn by its authors: broken", "1.3rc1: a pre-release",
    ]  # fmt: skip
    assert stretch(INDEX, "1.2", "1.3")[0] == ["1.2", "1.3"]  # what was named is taken


def test_the_newest_release_is_one_that_the_adapter_drives():
    recipe = Recipe({}, oldest="1.0")
    assert newest(Answer(INDEX), recipe) == "1.3"
    assert before(Answer(INDEX), recipe, "1.3") == "1.1.post1"
    assert before(Answer(INDEX), recipe, "1.0") == ""


def test_the_same_words_are_the_same_hunt_whatever_lies_between():
    one = question(5)
    other = one.model_copy(update={"candidates": (one.candidates[0], one.candidates[-1]), "left_out": ("x",)})
    assert one.folder_name == other.folder_name
    assert one.folder_name != question(5, metric="ttft").folder_name
    assert one.folder_name != question(5, band_percent=4.0).folder_name


@pytest.mark.parametrize(
    ("metric", "named", "expected"),
    [("decode_rate", None, "decode-128"), ("ttft", None, "decode-128"), ("prefill_rate", None, "pp512@d0"), ("ttft", "pp512@d0", "pp512@d0")],
)  # fmt: skip
def test_the_workload_that_counts(metric, named, expected):
    from harness.catalog import suites

    assert workload_of(suites.load("quick"), metric, named) == expected
    for metric, named in (("decode_rate", "pp512@d0"), ("ttft", "tg64@d0"), ("ttft", "x")):
        with pytest.raises(BadInput):
            workload_of(suites.load("quick"), metric, named)


@pytest.mark.parametrize(
    ("runtime", "good", "bad", "said"),
    [
        ("llama.cpp", "0.3.36", "0.3.30", "must be the older one"),
        ("llama.cpp", "0.3.36", "0.3.36", "nothing lies between"),
        ("llama.cpp", "0.3.36", "0.3.36.0", "are one release"),
        ("llama.cpp", "0.3.1", "0.3.36", "drives llama-cpp-python from 0.3.30 on"),
        ("llama.cpp", "0.3.30; rm -rf /", "0.3.36", "must be one whole release"),
        ("llama.cpp", "$(id)", "0.3.36", "must be one whole release"),
        ("llama.cpp", "../../etc", "0.3.36", "must be one whole release"),
        ("llama.cpp", ">=0.3.30", "0.3.36", "must be one whole release"),
        ("llama.cpp", "0.3.30", "--index-url=http://x", "must be one whole release"),
        ("llama.cpp", "0.3.30", "0.3.36\x1b[2J", "must be one whole release"),
        ("llama.cpp", "0.3.30", "latest", "must be one whole release"),
        ("llama.cpp", "9" * 400, "0.3.36", "must be one whole release"),
        ("llama.cpp@0.3.30", "0.3.30", "0.3.36", "names a release"),
        ("simulated", "1.0", "1.1", "has no environment"),
        ("openai-http", "1.0", "1.1", "has no environment"),
        ("no-such", "1.0", "1.1", "no-such"),
    ],
)
def test_words_that_name_no_stretch_of_releases_are_refused_in_one_line(tmp_path, runtime, good, bad, said):
    with pytest.raises(BadInput) as refused:
        ends(runtime, good, bad, "cpu", tmp_path)
    assert said in str(refused.value)
    assert str(refused.value).isprintable()
    assert not list(tmp_path.iterdir())


def test_ends_that_the_index_does_not_have_are_refused_before_anything_is_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "harness.run.prepare.package_index.ask", lambda *_: Answer((offered("0.3.36"), offered("0.3.30")))
    )
    found = between("llama.cpp", "0.3.30", "0.3.36", "cpu", tmp_path)
    assert [one.place for one in found.candidates] == ["0.3.30", "0.3.36"]
    with pytest.raises(BadInput, match=r"no release 0\.3\.99"):
        between("llama.cpp", "0.3.30", "0.3.99", "cpu", tmp_path)
