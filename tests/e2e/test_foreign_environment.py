"""A third party's package ships the recipe of its environment: installed, checked and measured with, without a network."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from harness import read_record
from tests.e2e.conftest import measured, refused
from tests.support import packages, tiny_gguf
from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "tests" / "data" / "small-v1.toml"
COUNTING = (ROOT / "tests" / "third_party" / "counting" / "src" / "counting_runtime" / "__init__.py").read_text()
ADAPTER = """
from pathlib import Path

from cask_runtime.counting import Counting
from runtimes.interface import Build, Recipe

HERE = Path(__file__).parent


class Cask(Counting):
    name = "cask"
    recipe = Recipe({"cpu": Build(HERE / "engine.txt", room_gib=1)}, wheels=HERE / "wheels")

    def load(self, model, options):
        import caskengine  # lies in the recipe's environment alone

        assert caskengine.ADDS
        return super().load(model, options)
"""


class Shipped:
    """An environment with the core and the package `cask-runtime` beside it."""

    def __init__(self, folder):
        self.folder = folder
        self.python, self.site = packages.environment(folder / "venv")
        self.model, self.kept = folder / "tiny.gguf", folder / "cache" / "repro-harness" / "runtimes" / "cask"
        self.model.write_bytes(tiny_gguf.build(tiny_gguf.LONG))
        self.ship({"caskengine.py": "ADDS = True\n", "numpy_here.pth": sysconfig.get_path("purelib") + "\n"})

    def ship(self, engine, lock=None):
        line = packages.wheel(self.site / "cask_runtime" / "wheels", "caskengine", engine)
        files = {
            "cask_runtime/__init__.py": ADAPTER,
            "cask_runtime/counting.py": COUNTING,
            "cask_runtime/engine.txt": line if lock is None else lock,
        }
        packages.install(self.site, "cask_runtime", files, {"cask": "cask_runtime:Cask"})

    def __call__(self, *words):
        return subprocess.run(
            [self.python, "-c", "from harness.cli import main; main()", *map(str, words)],
            env=os.environ | {"XDG_CACHE_HOME": str(self.folder / "cache"), "PIP_INDEX_URL": "http://127.0.0.1:9/none"},
            cwd=self.folder, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip


@pytest.fixture(scope="module")
def cask(tmp_path_factory):
    return Shipped(tmp_path_factory.mktemp("cask"))


def test_its_environment_is_installed_by_name_and_used_without_python(cask):
    done = cask("runtime", "install", "cask", "--backend", "cpu")
    assert done.returncode == 0, done.stderr
    python = Path(done.stdout.splitlines()[-1])
    assert python.is_relative_to(cask.kept)
    assert cask("runtime", "install", "cask", "--backend", "cpu").stdout == done.stdout
    assert "cpu-" in cask("runtime", "list").stdout
    done = cask(
        "bench", "--runtime", "cask", "--model", cask.model, "--suite", SUITE, "--processes", "1", "--backend", "cpu"
    )
    measured(done)
    (record,) = (cask.folder / "results").glob("*/record.json")
    runtime = read_record(record.parent).record.runtime
    assert (runtime.environment["runtime"], runtime.environment["backend"]) == ("cask", "cpu")
    assert len(runtime.environment["lock_sha256"]) == 64
    assert {"caskengine", "cask-runtime"} <= {name.replace("_", "-") for name in runtime.packages}
    assert str(cask.folder) not in json.dumps(runtime.model_dump(mode="json"))


def test_a_backend_that_its_recipe_lacks_is_refused(cask):
    assert "no backend 'cuda'" in refused(cask("runtime", "install", "cask", "--backend", "cuda"))


def test_a_changed_adapter_or_lock_is_another_environment(cask, monkeypatch):
    from harness.run.prepare import environments
    from runtimes import table

    monkeypatch.syspath_prepend(str(cask.site))
    assert table.find("cask").recipe is not None
    first = environments.place(cask.folder, "cask", "cpu").folder
    (cask.site / "cask_runtime" / "counting.py").write_text(COUNTING + "# mended\n")
    second = environments.place(cask.folder, "cask", "cpu").folder
    (cask.site / "cask_runtime" / "engine.txt").write_text("caskengine==2.0 --hash=sha256:" + 64 * "0" + "\n")
    assert len({first, second, environments.place(cask.folder, "cask", "cpu").folder}) == 3


def test_an_environment_in_which_no_worker_can_begin_is_refused_in_one_line(cask):
    cask.ship({"caskengine.py": "ADDS = True\n"})  # no numpy
    line = refused(cask("runtime", "install", "cask", "--backend", "cpu"), code=3)
    assert "numpy" in line
    assert "its lock must pin numpy" in line
    assert len(list(cask.kept.glob("*/install.json"))) == 1


def test_a_lock_without_digests_is_refused(cask):
    cask.ship({"caskengine.py": "ADDS = True\n"}, "caskengine==1.0\n")
    assert "hash" in refused(cask("runtime", "install", "cask", "--backend", "cpu"), code=3).lower()
