"""The commands that README and the quickstarts show, run in their order by one small world of host, operator and editor.

The simulated runtime stands in for real ones, a small suite for the published ones, and a made-up record for a signed one: nothing
that takes minutes is measured here.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness import read_record
from harness.demo.records import Person, person, sealed
from harness.errors import BadInput
from harness.record import keys
from harness.registry.intake.measurement import measurement_of
from tests.support import documents, tiny_gguf
from tests.support.documents import ROOT
from tests.support.patience import PATIENCE_S
from tests.support.program import REAL, Ended, Program, signed, written

SUITE = ROOT / "tests" / "data" / "small-v1.toml"
SIMULATED = ("--runtime", "simulated", "-o", "step_us=50", "-o", "prefill_us=2", "--processes", "1")
# What a machine that is busy with tests may end with; every other command must end with 0.
# A model of a few thousand parameters is too far from all that was measured to be forecast.
STATUSES = {"doctor": (0, 3), "bench": (0, 4), "matrix": (0, 4), "tune": (0, 4), "forecast": (0, 2)}
MATRIX = """
name = "mine"
[[triples]]
model = "{model}"
runtime = "simulated"
suite = "{suite}"
processes = 1
options = {{ step_us = 50, prefill_us = 2 }}
"""

Values = Mapping[str, str | Callable[[], object]]


class World:
    """One folder with a cache; each person has keys of their own."""

    def __init__(self, folder: Path, program: Program, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.program, self.patch = folder, program, patch
        self.model, self.place = folder / "tiny.gguf", folder / "registry"
        self.done: dict[tuple[str, ...], Ended] = {}
        self.model.write_bytes(tiny_gguf.build(tiny_gguf.LONG))
        patch.chdir(folder)
        patch.delenv("REPRO_REGISTRY", raising=False)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))

    def as_(self, who: str) -> None:
        self.patch.setenv("XDG_CONFIG_HOME", str(self.folder / who))

    def read(self, page: str, values: Values) -> Iterator[Ended]:
        """Every line of the page's blocks in turn, and how it ended."""
        for line in documents.typed((ROOT / page).read_text()):
            words = [self._word(word, values) for word in shlex.split(line)]
            if words[0] == "export":
                self.patch.setenv(*words[1].split("="))
            elif words[0] == "repro":
                yield self.run(*words[1:])
            elif words[0] == "make":
                subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, check=True, capture_output=True)

    def run(self, *words: str) -> Ended:
        if words[0] == "bench":
            words = self._quick(list(words))
            if words in self.done:  # another runtime's name, for which the same stands in
                return self.done[words]
        if words[0] == "tune":
            lists = ("-o", "step_us=20,5000", "-o", "prefill_us=2")
            words = (*words, str(self.model), "simulated", *lists, "--suite", str(SUITE), "--budget", "600")
        done = self.program(*words)
        if "--resume" in words:
            assert "no unfinished run" in done.refusal  # as it must be where every run was finished
            return done
        if "--against" in words and done.code == 2:
            assert "not to be used" in done.refusal  # its baseline was measured while the machine was busy
            return done
        assert done.code in STATUSES.get(words[0], (0,)), (words, done.out[-1000:], done.err[-1000:])
        self.done[words] = done
        return done

    def shown(self, page: str, beginning: str, values: Values) -> Ended:
        """A command that the page shows within a sentence, run now."""
        (line,) = {c.text for c in documents.commands(page) if c.text.startswith(beginning)}
        return self.run(*(self._word(word, values) for word in shlex.split(line)[1:]))

    def _word(self, word: str, values: Values) -> str:
        for name, value in values.items():
            if word == name or word.endswith(f"={name}"):
                return word[: len(word) - len(name)] + str(value if isinstance(value, str) else value())
        return word

    def _quick(self, words: list[str]) -> tuple[str, ...]:
        for option in ("--suite", "--runtime"):
            if option in words:
                del words[words.index(option) : words.index(option) + 2]
        if "--against" in words:  # a run of this very world
            words[words.index("--against") + 1] = str(min(self.folder.glob("results/*_simulated_*")))
        return (*words, "--model", str(self.model), "--suite", str(SUITE), *SIMULATED)


@pytest.fixture
def world(tmp_path, capfd, monkeypatch):
    return World(tmp_path, Program(capfd), monkeypatch)


def test_the_readme(world):
    world.as_("ann")
    matrix = world.folder / "configs" / "matrices" / "nightly.toml"
    matrix.parent.mkdir(parents=True)
    matrix.write_text(MATRIX.format(model=world.model, suite=SUITE))
    shutil.copy(ROOT / "configs" / "matrices" / "fleet.toml", matrix.parent)
    made = {name: signed(world.folder / "results" / name, who) for name, who in (("A", "ann"), ("B", "bob"))}
    values = {f"results/{name}": str(folder) for name, folder in made.items()} | {"results/RECORD": str(made["A"])}
    ends = list(world.read("README.md", values | {"model.gguf": str(world.model)}))
    assert len(ends) == 21
    assert "decode_rate" in ends[-1].out


def test_a_host_an_operator_and_an_editor_make_a_row_of_the_quickstarts(world):
    place = {"PLACE": str(world.place), "TEXT": "because", "FOLDER": "site", "COPY": "copy"}
    world.as_("host")
    ends = list(world.read("docs/quickstart-host.md", place | {"NAME": "hannah"}))
    assert len(ends) == 6
    assert (world.folder / "site" / "index.html").exists()
    assert (world.folder / "copy" / "registry.json").exists()

    world.as_("operator")
    made: list[Path] = []

    def record() -> Path:
        if not made:
            made.append(own_record(world.folder / "operator", world.folder / "results" / "mine", "ann"))
        return made[0]

    ends = list(world.read("docs/quickstart-operator.md", place | {"NAME": "ann", "results/RECORD": record}))
    assert '"handle":"ann"' in "".join(ends[-3].out.split())
    assert "queued" in ends[-2].out
    identity = ends[-2].out.split()[0]
    assert identity[:12] in ends[-1].out

    world.as_("editor")
    told = []
    for end in world.read("docs/quickstart-editor.md", place | {"NAME": "eve", "ID": identity}):
        told.append(end.out)
        if len(told) == 2:  # the host adds the new editor, as the host's page says
            (world.folder / "eve.json").write_text(end.out)
            world.as_("host")
            names = place | {"FILE": "eve.json", "CHANGE": "change.json"}
            world.shown("docs/quickstart-host.md", "repro registry editors --add", names)
            world.shown("docs/quickstart-host.md", "repro registry apply", names)
            world.as_("editor")
    assert "eve" in told[2]
    assert "accepted" in told[5]
    assert "because" in told[6]
    assert "approved-public" in told[7]


def own_record(config: Path, folder: Path, handle: str) -> Path:
    """A record that holds, signed with the keys that `repro keys new` made."""
    signers = keys.unlock(config / "repro-harness" / "keys", None)
    return written(
        folder, *sealed(Person(handle, signers.operator, person(handle).following, signers.rig), replace(REAL))
    )


def test_an_adapter_author_writes_checks_and_measures(tmp_path):
    """The page's own two files, then its commands: nothing of the example is written a second time."""
    page = (ROOT / "docs/write-an-adapter.md").read_text()
    (source,), (project,) = documents.fenced(page, "python"), documents.fenced(page, "toml")
    assert len(source.splitlines()) <= 70
    python = environment(tmp_path / "venv", "tally_runtime", source, project)
    model = tmp_path / "tiny.gguf"
    model.write_bytes(tiny_gguf.build(tiny_gguf.LONG))
    names = {"FILE.gguf": str(model), "quick": str(SUITE)}
    variables = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_CONFIG_HOME": str(tmp_path / "config")}

    def repro(*words):
        done = subprocess.run(
            [python, "-c", "from harness.cli import main; main()", *map(str, words)],
            env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert done.returncode in STATUSES.get(words[0], (0,)), (words, done.stdout[-1000:], done.stderr[-1000:])
        return done.stdout

    assert repro("keys", "new", "--handle", "ann")
    told = []
    for line in documents.typed(page):
        if line.startswith("repro "):
            words = [names.get(word, word) for word in shlex.split(line)[1:]]
            told.append(repro(*words, *(("--processes", "1") if words[0] == "bench" else ())))
    listed, checked, measured = told
    assert "tally        from tally-runtime 1.0; SYNTHETIC" in listed
    assert "fail" not in checked
    assert "forced" in checked
    assert "SYNTHETIC" in measured
    (record,) = (tmp_path / "results").glob("*/record.json")
    assert repro("recompute", record.parent)
    held = read_record(record.parent).record
    assert (held.run.synthetic, held.runtime.name, held.operator) == (True, "tally", None)
    assert held.runtime.settings["computed_on"] == "cpu"
    assert not record.with_name("record.dsse.json").exists()
    with pytest.raises(BadInput, match="is synthetic"):
        measurement_of(read_record(record.parent))


def environment(folder: Path, module: str, source: str, project: str) -> Path:
    """The interpreter of an environment that holds the core and a package of one module, as pip would leave it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = next((folder / "lib").glob("python*/site-packages"))
    # The core as it is installed here, an editable one's .pth file included.
    (packages / "core.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    (packages / f"{module}.py").write_text(source)
    told = tomllib.loads(project)["project"]
    about = packages / f"{module}-{told['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: {told['version']}\n")
    points = told["entry-points"]["repro.runtimes"]
    (about / "entry_points.txt").write_text("[repro.runtimes]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()))
    return folder / "bin" / "python"
