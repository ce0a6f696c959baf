"""Another release of an engine than the pinned one: resolved by the real pip from an index on this machine, kept, installed, used."""

import json
import os
import subprocess
import sysconfig
from hashlib import sha256
from pathlib import Path

import pytest

from harness import read_record
from tests.e2e.conftest import measured, refused
from tests.support import packages, simple_index, tiny_gguf
from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "tests" / "data" / "small-v1.toml"
COUNTING = (ROOT / "tests" / "third_party" / "counting" / "src" / "counting_runtime" / "__init__.py").read_text()
ADAPTER = """
from dataclasses import replace
from pathlib import Path

from cask_runtime.counting import Counting
from runtimes.interface import Build, Capabilities, Recipe


class Cask(Counting):
    name = "cask"
    capabilities = replace(getattr(Counting, "capabilities", Capabilities()), probes=True)
    recipe = Recipe({"cpu": Build(Path(__file__).parent / "engine.txt", room_gib=1)}, built="cask-engine", oldest="1.0")

    def probe(self):
        import cask_engine

        return "" if hasattr(cask_engine, "tell") else "there is no cask_engine.tell"

    def load(self, model, options):
        import cask_engine

        loaded = super().load(model, options)
        loaded.facts = replace(
            loaded.facts, version=cask_engine.tell(), package=f"cask-engine {cask_engine.tell()}", engine="cask"
        )
        return loaded
"""


def told(version):
    return {"cask_engine.py": f"def tell():\n    return {version!r}\n"}


class Shipped:
    """An environment with the core, the package `cask-runtime` beside it, and an index that has its engine."""

    def __init__(self, folder, index):
        self.folder, self.index = folder, index
        self.python, self.site = packages.environment(folder / "venv")
        self.model = folder / "tiny.gguf"
        self.model.write_bytes(tiny_gguf.build(tiny_gguf.LONG))
        pinned = [("cask-engine", "1.0", index.sdist("cask-engine", "1.0", told("1.0")))]
        pinned.append(
            ("numpy", "9.0", index.wheel("numpy", "9.0", {"numpy_here.pth": sysconfig.get_path("purelib") + "\n"}))
        )
        index.sdist("cask-engine", "1.1", told("1.1"), requires="Requires-Dist: numpy\n")
        index.sdist("cask-engine", "1.2", {"cask_engine.py": "ELSE = 1\n"})
        lock = "".join(f"{name}=={version} --hash=sha256:{digest}\n" for name, version, digest in pinned)
        files = {
            "cask_runtime/__init__.py": ADAPTER, "cask_runtime/counting.py": COUNTING, "cask_runtime/engine.txt": lock,
        }  # fmt: skip
        packages.install(self.site, "cask_runtime", files, {"cask": "cask_runtime:Cask"})

    @property
    def kept(self):
        return self.folder / "cache" / "repro-harness" / "runtimes" / "cask"

    def __call__(self, *words, **more):
        own = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        return subprocess.run(
            [self.python, "-c", "from harness.cli import main; main()", *map(str, words)],
            env=own | self.index.variables | {"XDG_CACHE_HOME": str(self.folder / "cache")} | more,
            cwd=self.folder, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip


@pytest.fixture(scope="module")
def cask(tmp_path_factory):
    with simple_index.served(tmp_path_factory.mktemp("index")) as index:
        yield Shipped(tmp_path_factory.mktemp("cask"), index)


def test_a_release_is_measured_with_and_its_record_says_what_really_ran(cask):
    words = ("--model", cask.model, "--suite", SUITE, "--processes", "1", "--backend", "cpu")
    measured(cask("bench", "--runtime", "cask@1.1", *words))
    (record,) = (cask.folder / "results").glob("*/record.json")
    found = read_record(record.parent).record
    runtime = found.runtime
    assert (runtime.name, runtime.version, runtime.package) == ("cask", "1.1", "cask-engine 1.1")
    assert runtime.environment["release"] == "1.1"
    (lock,) = (cask.kept / "locks").glob("1.1-cpu-*.txt")
    assert runtime.environment["lock_sha256"] == sha256(lock.read_bytes()).hexdigest()
    assert runtime.environment["built"] == "cask-engine"
    assert [f"--hash=sha256:{one}" in lock.read_text() for one in runtime.environment["source_sha256"]] == [True]
    assert runtime.packages["cask_engine"] == "1.1"
    assert {"cask_engine", "numpy"} <= {*runtime.packages}
    assert "--runtime cask@1.1 " in found.run.command
    assert str(cask.folder) not in json.dumps(runtime.model_dump(mode="json"))
    listed = cask("runtime", "list", "cask").stdout
    assert "1.1" in listed
    assert not list((cask.kept / "making").iterdir())
    # Again, without the index: the lock and what it made are kept.
    again = cask("runtime", "install", "cask@1.1", "--backend", "cpu", PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert again.returncode == 0, again.stderr
    shown = cask("runtime", "lock", "cask@1.1", "--backend", "cpu", PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert shown.stdout == lock.read_text()
    assert str(lock) in shown.stderr


def test_the_releases_are_listed_with_what_is_pinned_and_installed(cask):
    done = cask("runtime", "list", "cask", "--available", "--json")
    (found,) = json.loads(done.stdout)
    assert (found["pinned"], found["package"], found["complete"]) == ("1.0", "cask-engine", True)
    assert [one["release"] for one in found["releases"]] == ["1.2", "1.1", "1.0"]
    assert found["releases"][2]["marks"] == ["pinned"]
    line = refused(cask("runtime", "list", "--available", PIP_INDEX_URL="http://127.0.0.1:9/simple"))
    assert "the package index can't be asked" in line


def test_an_engine_that_the_adapter_can_not_drive_is_refused_before_the_run_and_nothing_is_left(cask):
    before = sorted(cask.kept.glob("cpu-*/install.json"))
    done = cask("bench", "--runtime", "cask@1.2", "--model", cask.model, "--suite", SUITE, "--backend", "cpu")
    line = refused(done)
    assert "cask-engine 1.2 can't be driven by this adapter: there is no cask_engine.tell" in line
    assert sorted(cask.kept.glob("cpu-*/install.json")) == before
    assert not list((cask.kept / "making").iterdir())


def test_a_wrong_hash_in_a_kept_lock_is_refused_and_nothing_is_left(cask):
    cask("runtime", "lock", "cask@1.2", "--backend", "cpu")
    (lock,) = (cask.kept / "locks").glob("1.2-cpu-*.txt")
    text = lock.read_text()
    numpy = text.partition("numpy==")[2].partition("sha256:")[2][:64]
    lock.write_text(text.replace(numpy, "0" * 64))
    before = sorted(cask.kept.glob("cpu-*/install.json"))
    line = refused(cask("runtime", "install", "cask@1.2", "--backend", "cpu"))
    assert str(lock) in line
    assert "a sha256 differs" in line
    assert sorted(cask.kept.glob("cpu-*/install.json")) == before
    assert not list((cask.kept / "making").iterdir())
    assert f"removed {lock}" in cask("runtime", "remove", "cask@1.2").stdout


def test_a_matrix_takes_releases_and_tells_of_each_that_can_not_be(cask):
    matrix = cask.folder / "matrix.toml"
    triple = '[[triples]]\nmodel = "{}"\nruntime = "{}"\nsuite = "quick"\n'
    names = ("cask@latest", "cask@0.9", "openai-http@1.0")
    matrix.write_text('name = "m"\n' + "".join(triple.format(cask.model, name) for name in names))
    done = cask("matrix", "run", matrix)
    assert done.returncode == 3, done.stderr
    said = " ".join(done.stdout.split())
    for name, why in zip(names, ("must be one whole release", "drives cask-engine", "has no environment"), strict=True):
        assert name in said
        assert why in said


def test_an_interpreter_brings_a_release_of_its_own(cask):
    words = ("bench", "--model", cask.model, "--suite", SUITE, "--runtime", "cask@1.1", "--python", cask.python)
    assert "--python brings a release of its own" in refused(cask(*words))
