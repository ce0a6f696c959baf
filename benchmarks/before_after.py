"""The checkout against another one, the same work in turn: ratios of processor time for ingest, scoring, audit and site.

Each checkout works in a process of its own interpreter (its `.venv`), and answers with the processor seconds that a piece of
work took, its helpers included: on a machine that others use, too, those say more than the clock. A checkout from before the
registry had its name (`benchmarks/hub.py`) is asked in the words of its day.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

DAY = date(2026, 11, 24)
OPERATORS = 50
ROOT = Path(__file__).parents[1]
WORDS = {
    "ingest": "{ingest} submissions verified and stored",
    "score": "{records} records scored, in one process",
    "row": "50 rows scored again, one by one",
    "audit": "{audit} records audited, in one process",
    "site": "a site of {rows} rows from nothing",
    "site again": "the same after one record was withdrawn",
}


class Alone:
    """Stands for a pool of processes where the work is only prepared: another process could not import scripts by their file."""

    def __init__(self, *_: object, **__: object) -> None:
        self.map = lambda function, values, **_: map(function, values)

    def __enter__(self) -> Alone:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Work:
    """The pieces of work, by the names that a checkout has for them."""

    def __init__(self, root: Path, folder: Path, sizes: dict[str, int]) -> None:
        self.old = (root / "benchmarks/hub.py").exists()
        self.store = _loaded(root / "benchmarks", "hub" if self.old else "registry")
        self.sites = _loaded(root / "benchmarks", "site", "sites")
        self.folder, self.sizes, self.done, self.changed = folder, sizes, 0, 0
        self.store.OPERATORS = OPERATORS
        self.tell: Any = self._silence()
        self.filled = self._new("filled")
        self.ids = self.store.fill(self.filled, sizes["records"])
        self.taking = self._new("taking")
        self.actors = self.store.join_all(self.taking)
        self.whole = self._new("whole")
        join = self.store.join_all(self.whole)
        self._take(self.whole, join, self._made(0, sizes["audit"]))
        self.store.sign_checkpoint(self.whole, self._own_key())
        self.shown = self._new("shown")
        self.sites.ProcessPoolExecutor = Alone
        if self.old:
            self.sites.put = self._put
        self.sites.fill(self.shown, sizes["rows"])
        self.before: Callable[[str], Any] = {
            "ingest": self._next,
            "site": self._nothing,
            "site again": self._change,
        }.get

    def _new(self, name: str) -> Any:
        return (self.store.new_hub if self.old else self.store.new_registry)(self.folder / name)

    def _own_key(self) -> Any:
        return self.store.key("hub" if self.old else "registry")

    def _silence(self) -> Any:
        if self.old:
            return lambda _done, _of: None
        from harness.progress import SILENT

        return SILENT

    def _made(self, first: int, count: int) -> list[Any]:
        return [self.store.make(number) for number in range(first, first + count)]

    def _take(self, where: Any, actors: Any, made: list[Any]) -> None:
        from dataclasses import replace

        checked = self.store.verified(made)
        with where.reading() as reader:
            items = [
                replace(
                    self.store.acts.submission(
                        reader, actors[one.measured.measurement.operator], one, self.store.acts.Wish()
                    ),
                    submission=one,
                )
                for one in checked
            ]
        self.store.flush(where, items)

    def _put(self, where: Any, actors: Any, editor: Any, found: list[Any]) -> None:
        """As benchmarks/site.py does today; the older script signed approvals before their records were in the log."""
        acts, item = self.store.acts, self.sites.Item
        for first in (True, False):
            own = [(place, one) for place, one in enumerate(found) if (place % self.sites.EACH == 0) is first]
            with where.reading() as reader:
                items = []
                for place, one in own:
                    row = "" if first else found[place - place % self.sites.EACH].id
                    wish = acts.Wish(row=row)
                    sent = acts.submission(reader, actors[one.measured.measurement.operator], one, wish)
                    items.append(self.sites.replace(sent, submission=one))
            self._append(where, items)
            with where.reading() as reader:
                made = [acts.event(reader, editor, "record-approved", one.id, reason="complete") for _, one in own]
            self._append(where, [item(act.signed(editor.keys).to_bytes()) for act in made])

    def _append(self, where: Any, items: list[Any]) -> None:
        for taken in where.append(items, self.store.acts.utc()) if items else []:
            if isinstance(taken, Exception):
                raise taken

    def _next(self) -> None:
        self.waiting = self._made(10_000 + self.done, self.sizes["ingest"])
        self.done += self.sizes["ingest"]

    def _nothing(self) -> None:
        import shutil

        shutil.rmtree(self.folder / "site", ignore_errors=True)

    def _change(self) -> None:
        for _ in range(self.sizes["rows"]):  # the next row that has a record to withdraw
            share = (self.changed + 0.5) / self.sizes["rows"]
            self.changed = (self.changed + 1) % self.sizes["rows"]
            try:
                self.sites.change(self.shown, self.sites.chosen(self.shown, self.folder / "site", share))
            except StopIteration:
                continue
            return
        raise SystemExit("no record is left to withdraw: give more --rows")

    def ingest(self) -> None:
        """A round's submissions, verified and appended in one transaction."""
        self._take(self.taking, self.actors, self.waiting)

    def score(self) -> None:
        """Every row, from the table."""
        if self.old:
            from harness.hub.bulk import all_standings
        else:
            from harness.registry.queries.scores import all_standings
        assert len(all_standings(self.filled, None, DAY)[1]) == self.sizes["records"] // 10

    def row(self) -> None:
        """Fifty rows, each as one that changed."""
        policy = self.store.policies.load().policy
        with self.filled.reading() as reader:
            for row in self.ids[:: max(len(self.ids) // 50, 1)][:50]:
                self.store.score_row(reader, row, policy, DAY)

    def audit(self) -> None:
        """The whole registry from its bytes."""
        found = self.store.audit(self.whole, None, self.tell)
        assert (found.records, list(found.faults)) == (self.sizes["audit"], [])

    def site(self) -> None:
        """A build in this process."""
        self.sites.in_process(self.sites.Wish(str(self.folder / "shown"), self.folder / "site", DAY), self.tell)

    site_again = site


def _loaded(folder: Path, name: str, known_as: str = "") -> ModuleType:
    """A script of a checkout's benchmarks, by its file: `site` is a module of Python's, too."""
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(known_as or name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[known_as or name] = module
    spec.loader.exec_module(module)
    return module


def processor_s() -> float:
    """What this process, its children and theirs have used until now."""
    import psutil

    found = 0.0
    own = psutil.Process()
    for one in (own, *own.children(recursive=True)):
        spent = one.cpu_times()
        found += spent.user + spent.system + spent.children_user + spent.children_system
    return found


def serve(root: Path, folder: Path, sizes: dict[str, int]) -> None:
    """Answers each line, the name of a piece of work, with its processor seconds."""
    work = Work(root, folder, sizes)
    print("ready", flush=True)
    for line in sys.stdin:
        name = line.strip()
        prepare = work.before(name)
        if prepare is not None:
            prepare()
        began = processor_s()
        getattr(work, name.replace(" ", "_"))()
        print(processor_s() - began, flush=True)


class Side:
    """A checkout's process."""

    def __init__(self, root: Path, folder: Path, sizes: dict[str, int]) -> None:
        folder.mkdir()
        program = [root / ".venv/bin/python", "-P", __file__, "--serve", root, folder, json.dumps(sizes)]
        self._process = subprocess.Popen(
            list(map(str, program)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder
        )

    def ready(self) -> None:
        """Waits until its registries are made."""
        assert self._answer() == "ready"

    def does(self, name: str) -> float:
        """Processor seconds of one piece of work."""
        assert self._process.stdin is not None
        print(name, file=self._process.stdin, flush=True)
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise SystemExit(f"{self._process.args}: ended with {self._process.wait()}")
        return line

    def end(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def rounds(now: Side, before: Side, names: list[str], count: int) -> Iterator[tuple[str, float, float]]:
    """Each piece of work by both, who begins changing from round to round; the first round warms up and isn't told."""
    for number in range(count + 1):
        for name in names:
            order = (now, before) if number % 2 else (before, now)
            spent = {side: side.does(name) for side in order}
            print(f"  {name}: {spent[now]:.2f} s, {spent[before]:.2f} s", file=sys.stderr)
            if number:
                yield name, spent[now], spent[before]
        print(f"round {number} of {count}", file=sys.stderr)


def commit(root: Path) -> str:
    done = subprocess.run(
        ["git", "-C", root, "log", "-1", "--format=%h %s"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--against", type=Path, required=True, metavar="CHECKOUT", help="another checkout, with its .venv"
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--records", type=int, default=10_000, help="records of the registry that is scored")
    parser.add_argument("--ingest", type=int, default=64, help="submissions a round")
    parser.add_argument("--audit", type=int, default=200, help="records of the registry that is audited")
    parser.add_argument("--rows", type=int, default=100, help="rows of the site")
    parser.add_argument("--only", nargs="+", choices=WORDS, default=list(WORDS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    from machine import line
    from pairs import mean_ratio

    sizes = {name: getattr(options, name) for name in ("records", "ingest", "audit", "rows")}
    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in options.only}
    with tempfile.TemporaryDirectory() as folder:
        other = options.against.resolve()
        sides = [Side(root, Path(folder) / name, sizes) for name, root in (("now", ROOT), ("before", other))]
        for side in sides:
            side.ready()
        for name, one, two in rounds(sides[0], sides[1], options.only, options.rounds):
            found[name][0].append(one)
            found[name][1].append(two)
        for side in sides:
            side.end()
    import numpy as np

    lines = [
        "# Before and after",
        "",
        f"Made by `python benchmarks/before_after.py {' '.join(sys.argv[1:])}`.",
        f"{line()}.",
        "",
        f"Now: {commit(ROOT)}. Before: {commit(other)}. Processor seconds, helpers included; {options.rounds} rounds, in turn.",
        "",
        "| work | now, median | before, median | now / before, 95 % interval |",
        "|---|---|---|---|",
    ]
    for name, (one, two) in found.items():
        words = WORDS[name].format(**{key: f"{size:,}" for key, size in sizes.items()})
        lines.append(f"| {words} | {np.median(one):.2f} s | {np.median(two):.2f} s | {mean_ratio(one, two)} |")
    page = "\n".join([*lines, ""])
    if options.out:
        options.out.write_text(page)
    print(page)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(Path(sys.argv[2]), Path(sys.argv[3]), json.loads(sys.argv[4]))
    else:
        main()
