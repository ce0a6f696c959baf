"""The real pip against an index of a few small files: what it has, and how a release becomes a lock with hashes."""

import json
import os

import pytest

from harness.errors import BadInput, Interrupted, NotFound, RuntimeUnavailable
from harness.progress import SILENT
from harness.run.prepare import kept_locks, lock_file, package_index, resolving, steps
from runtimes.interface import Build, Recipe
from runtimes.releases import Named
from tests.support import simple_index

ASKED = Named("cask", "1.1")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with simple_index.served(tmp_path_factory.mktemp("index")) as made:
        made.wheel("cask-engine", "1.0", requires="Requires-Dist: staves\n")
        made.wheel("cask-engine", "1.1", requires="Requires-Dist: staves\n")
        made.wheel("cask-engine", "2.0", requires="Requires-Dist: staves>=3\nRequires-Dist: numpy>=9\n")
        made.wheel("cask-engine", "2.1", said='data-yanked="leaks: a lot"')
        made.wheel("cask-engine", "2.2", said='data-requires-python="&gt;=3.99"')
        made.wheel("cask-engine", "3.0rc1", requires="Requires-Dist: nowhere\n")
        made.wheel("cask-engine", "1.2+cpu")
        for version in ("1.0", "2.0", "3.0"):
            made.wheel("staves", version)
        made.wheel("numpy", "9.1")
        made.wheel("numpy", "8.0")
        made.sdist("built-engine", "0.3", {"built_engine.py": "X = 1\n"})
        made.wheel("built-engine", "0.4")
        yield made


@pytest.fixture(autouse=True)
def asked_alone(index, monkeypatch):
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in index.variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def recipe(tmp_path):
    lock = "".join(
        f"{pin} \\\n    --hash=sha256:{'0' * 64}\n"
        for pin in ("cask-engine==1.0", "numpy==8.0", "staves==2.0 ; python_version > '3'")
    )
    (tmp_path / "pinned.txt").write_text(lock)
    return Recipe({"cpu": Build(tmp_path / "pinned.txt")}, release="cask-engine", oldest="1.0")


def pinned(text):
    return dict(pin.split("==") for _, pin in lock_file.pins(text))


def test_the_releases_of_an_index_come_newest_first_with_what_is_against_them(recipe):
    found = {one.release: one for one in package_index.ask(recipe, "cpu").releases}
    assert [*found] == ["3.0rc1", "2.2", "2.1", "2.0", "1.2", "1.1", "1.0"]
    assert found["2.1"].yanked == "leaks: a lot"
    assert found["2.2"].fault == "needs Python >=3.99"
    assert found["3.0rc1"].prerelease
    assert [one for one in found if not found[one].usable] == ["2.2"]
    assert [one for one in found if found[one].yanked is None and not found[one].fault] == [
        "3.0rc1",
        "2.0",
        "1.2",
        "1.1",
        "1.0",
    ]


def test_what_is_built_here_counts_by_its_source_alone(recipe, tmp_path):
    (tmp_path / "built.txt").write_text(f"built-engine==0.3 \\\n    --hash=sha256:{'0' * 64}\n")
    built = Recipe({"cpu": Build(tmp_path / "built.txt")}, built="built-engine")
    found = package_index.ask(built, "cpu").releases
    assert [(one.release, one.usable) for one in found] == [("0.4", False), ("0.3", True)]


def test_a_release_is_resolved_once_with_hashes_and_the_others_as_pinned(recipe, tmp_path, index, monkeypatch):
    path = resolving.ensure(tmp_path, ASKED, recipe, "cpu", SILENT)
    text = path.read_text()
    assert pinned(text) == {"cask-engine": "1.1", "numpy": "8.0", "staves": "2.0"}
    assert lock_file.is_plain(text)
    page = (index.folder / "simple" / "cask-engine" / "index.html").read_text()
    (digest,) = lock_file.hashes(dict(lock_file.blocks(text))["cask-engine"])
    assert f"cask_engine-1.1-py3-none-any.whl#sha256={digest}" in page.replace("cask-engine-", "cask_engine-")
    assert str(tmp_path) not in text
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nothing is asked a second time
    assert resolving.ensure(tmp_path, ASKED, recipe, "cpu", SILENT) == path
    assert path.read_text() == text


def test_where_the_pinned_others_do_not_fit_the_newest_that_do_are_taken(recipe, tmp_path):
    path = resolving.ensure(tmp_path, Named("cask", "2.0"), recipe, "cpu", SILENT)
    assert pinned(path.read_text()) == {"cask-engine": "2.0", "numpy": "9.1", "staves": "3.0"}


@pytest.mark.parametrize(
    ("release", "error", "said"),
    [
        ("1.9", NotFound, r"has no release 1\.9; take one such as 3\.0rc1, 2\.1, 2\.0, 1\.2"),
        ("1", BadInput, r"has no release 1; take one such as 1\.2, 1\.1, 1\.0"),
        ("2.2", BadInput, r"can't be had here: needs Python >=3\.99"),
        ("0.9", BadInput, r"drives cask-engine from 1\.0 on"),
        ("3.0rc1", BadInput, r"can't resolve it .*nowhere"),
    ],
)
def test_a_release_that_can_not_be_had_is_refused_in_one_line_and_nothing_is_kept(
    recipe, tmp_path, release, error, said
):
    if release == "1":
        recipe = Recipe(recipe.backends, release="cask-engine")
    with pytest.raises(error, match=said) as caught:
        resolving.ensure(tmp_path, Named("cask", release), recipe, "cpu", SILENT)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("runtimes/cask/locks/*.txt"))


def test_a_withdrawn_release_is_taken_only_by_name_and_said_to_be_one(recipe, tmp_path):
    class Heard:
        def __init__(self):
            self.said = []

        def stage(self, text):
            pass

        def advance(self, text, done, total):
            pass

        def remark(self, text):
            self.said.append(text)

    heard = Heard()
    path = resolving.ensure(tmp_path, Named("cask", "2.1"), recipe, "cpu", heard)
    assert pinned(path.read_text())["cask-engine"] == "2.1"
    assert heard.said == ["cask@2.1 was withdrawn by its authors (leaks: a lot)"]


def test_without_an_index_it_is_one_line(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(RuntimeUnavailable, match=r"package index can't be asked \(127\.0\.0\.1") as caught:
        resolving.ensure(tmp_path, ASKED, recipe, "cpu", SILENT)
    assert caught.value.exit_code == 2
    assert not list(tmp_path.glob("runtimes/cask/locks/*.txt"))


def test_an_index_that_is_silent_beside_one_that_answers_is_told(recipe, index, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://127.0.0.1:9/simple")
    answer = package_index.ask(recipe, "cpu")
    assert answer.of("1.1") is not None
    assert answer.silent is not None
    with pytest.raises(RuntimeUnavailable, match="can't be asked"):  # it may have that release
        resolving.ensure(tmp_path, Named("cask", "1.9"), recipe, "cpu", SILENT)


def test_a_recipe_that_names_no_package_has_no_releases(recipe, tmp_path):
    with pytest.raises(BadInput, match="does not say which package"):
        resolving.ensure(tmp_path, ASKED, Recipe(recipe.backends), "cpu", SILENT)


def test_a_stop_while_it_is_resolved_keeps_nothing(recipe, tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(steps, "run", stopped)
    with pytest.raises(Interrupted, match="nothing is kept") as caught:
        resolving.ensure(tmp_path, ASKED, recipe, "cpu", SILENT)
    assert caught.value.exit_code == 130
    assert not list(tmp_path.glob("runtimes/cask/locks/*.txt"))


def test_a_build_for_one_device_keeps_its_local_part(tmp_path, recipe):
    lock = lock_file.written([("cask-engine", "1.0+cpu", "0" * 64), ("numpy", "8.0", "0" * 64)])
    (tmp_path / "cpu.txt").write_text(lock)
    apart = Recipe({"cpu": Build(tmp_path / "cpu.txt")}, release="cask-engine", indexed=("cask-engine",))
    assert [one.release for one in package_index.ask(apart, "cpu").releases] == ["1.2"]
    path = resolving.ensure(tmp_path, Named("cask", "1.2"), apart, "cpu", SILENT)
    assert pinned(path.read_text())["cask-engine"] == "1.2+cpu"


def test_a_recipe_with_a_folder_of_wheels_resolves_from_it_alone(recipe, tmp_path, index, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    for name in ("cask-engine", "numpy", "staves"):
        for path in (index.folder / "simple" / name).glob("*.whl"):
            (tmp_path / "wheels").mkdir(exist_ok=True)
            (tmp_path / "wheels" / path.name).write_bytes(path.read_bytes())
    whole = Recipe(recipe.backends, release="cask-engine", wheels=tmp_path / "wheels")
    path = resolving.ensure(tmp_path, ASKED, whole, "cpu", SILENT)
    assert pinned(path.read_text()) == {"cask-engine": "1.1", "numpy": "8.0", "staves": "2.0"}


def test_a_report_without_digests_or_of_an_address_makes_no_lock():
    def item(**more):
        return {
            "metadata": {"name": "Foo_Bar", "version": "1"},
            "download_info": {"url": "x", "archive_info": {}},
            **more,
        }

    with pytest.raises(BadInput, match="foo-bar has no sha256"):
        resolving.lock_of({"install": [item()]})
    hashed = {"url": "x", "archive_info": {"hash": f"sha256={'1' * 64}"}}
    with pytest.raises(BadInput, match="comes from an address"):
        resolving.lock_of({"install": [item(download_info=hashed, is_direct=True)]})
    assert (
        resolving.lock_of({"install": [item(download_info=hashed)]}) == f"foo-bar==1 \\\n    --hash=sha256:{'1' * 64}\n"
    )
    assert resolving.lock_of(json.loads(json.dumps({"install": [item(download_info=hashed)]})), ("foo-bar",)) == ""


GOOD = [("cask-engine", "1.1", "a" * 64), ("numpy", "8.0", "b" * 64)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("a" * 64, "a" * 63), "exact pins with sha256"),
        (lambda text: "--index-url http://evil/simple\n" + text, "exact pins with sha256"),
        (lambda text: text + "evil @ https://evil/evil.whl\n", "exact pins with sha256"),
        (lambda text: text + "-e /tmp/x\n", "exact pins with sha256"),
        (lambda text: text.replace("==1.1", ">=1.1"), "exact pins with sha256"),
        (lambda text: text.replace("==1.1", "==1.2"), "must pin cask-engine 1.1, and pins 1.2"),
        (lambda text: text.replace("numpy", "numpie"), "must pin numpy"),
        (lambda text: text + text, "must pin cask-engine once"),
        (lambda text: "", "exact pins with sha256"),
        (lambda text: "\0" * 9, "exact pins with sha256"),
    ],
)
def test_a_kept_lock_that_is_not_what_its_name_says_is_refused_before_anything_is_made(recipe, tmp_path, change, said):
    path = kept_locks.path_of(tmp_path, "cask", "cpu", "1.1")
    kept_locks.keep(path, lock_file.written(GOOD))
    assert kept_locks.read(path, recipe, "cpu", "1.1") == lock_file.written(GOOD)
    path.write_text(change(path.read_text()))
    with pytest.raises(BadInput, match=said) as caught:
        resolving.ensure(tmp_path, ASKED, recipe, "cpu", SILENT)
    assert str(path) in str(caught.value)
    assert "remove that file" in str(caught.value)


def test_a_lock_from_elsewhere_is_taken_or_refused_whole(recipe, tmp_path):
    file = tmp_path / "theirs.txt"
    file.write_text(lock_file.written(GOOD))
    resolving.bring(tmp_path, ASKED, recipe, "cpu", file)
    path = kept_locks.path_of(tmp_path, "cask", "cpu", "1.1")
    assert resolving.ensure(tmp_path, ASKED, recipe, "cpu", SILENT) == path
    assert path.read_bytes() == file.read_bytes()
    file.write_text("numpy==8.0\n")
    with pytest.raises(BadInput, match="exact pins"):
        resolving.bring(tmp_path, ASKED, recipe, "cpu", file)
    with pytest.raises(BadInput, match="names no release"):
        resolving.bring(tmp_path, Named("cask", ""), recipe, "cpu", file)
    assert path.read_text() == lock_file.written(GOOD)
