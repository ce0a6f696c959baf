"""A site that is read while it is built: all of the old one or all of the new one, wherever a build ends."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.progress import SILENT
from harness.registry.actions.create import sign_checkpoint
from harness.site.build import Built, Wish, build
from harness.site.incremental import publish, twin
from tests.support.registry_world import World, key, world
from tests.unit.site.test_build import DAY, tree


def made(here: World, out: Path) -> Built:
    return build(Wish(here.registry.target, out, DAY, at_once=True), SILENT)


def fresh(here: World, out: Path) -> dict[str, bytes]:
    folder = out.with_name("fresh")
    build(Wish(here.registry.target, folder, DAY), SILENT)
    found = tree(folder)
    shutil.rmtree(folder)
    return found


@pytest.fixture
def here(tmp_path: Path) -> World:
    return world(str(tmp_path / "registry"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "site"


def steps(here: World) -> Iterator[None]:
    """A row comes, is reproduced, changes, and goes."""
    row = here.accepted("ann", sku="A")
    yield
    other = here.accepted("bob", row=row, sku="A")
    yield
    sign_checkpoint(here.registry, key("registry"))
    yield
    here.act(here.actor("bob"), "record-withdrawn", other, reason="a wrong driver")
    yield
    here.act(here.actor("ann"), "record-withdrawn", row, reason="a wrong model")
    yield


def test_each_build_leaves_both_folders_as_one_from_nothing(here, out):
    for _ in steps(here):
        made(here, out)
        assert tree(out) == tree(twin.beside(out)) == fresh(here, out)
    assert {path.name for path in out.parent.iterdir()} == {"registry", "site", ".site.twin"}


def test_what_did_not_change_is_one_file_with_two_names(here, out):
    here.accepted("ann", sku="A")
    made(here, out)
    before = (out / "methodology" / "index.html").stat().st_ino
    here.accepted("bob", sku="B")
    made(here, out)
    for name in ("index.html", "methodology/index.html", ".site.json"):
        assert (out / name).samefile(twin.beside(out) / name), name
    assert before in {(out / "methodology" / "index.html").stat().st_ino, before}


@pytest.mark.parametrize("swapped", ["at once", "one after the other"])
def test_a_reader_never_meets_pages_of_two_states(here, out, monkeypatch, swapped):
    names = (".site.json", "index.html", "decisions/index.html", "api/v1/rows.json")
    states: set[tuple[bytes, ...]] = set()
    real = publish._replaced

    def slowly(path: Path, target: Path) -> bool:
        time.sleep(0.002)
        return real(path, target)

    monkeypatch.setattr(publish, "_replaced", slowly)
    if swapped != "at once":
        monkeypatch.setattr(twin, "_at_once", lambda *_: False)
    first = steps(here)
    next(first)
    made(here, out)
    states.add(tuple((out / name).read_bytes() for name in names))
    seen: list[tuple[bytes, ...]] = []
    missing = 0
    stop = threading.Event()

    def read() -> None:
        nonlocal missing
        while not stop.is_set():
            try:
                found = [(out / name).read_bytes() for name in (*names, names[0])]
            except FileNotFoundError:
                missing += 1
                continue
            if found[0] == found[-1]:
                seen.append(tuple(found[:-1]))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in first:
            made(here, out)
            states.add(tuple((out / name).read_bytes() for name in names))
    finally:
        stop.set()
        reader.join()
    assert len(states) > 3
    assert set(seen) <= states
    assert swapped != "at once" or missing == 0


class Cut:
    """Ends the process, as it were, at the operation of that number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        for module, name in ((os, "replace"), (os, "link"), (os, "unlink"), (twin, "exchange")):
            monkeypatch.setattr(module, name, self._counted(getattr(module, name)))

    def _counted(self, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **more: object) -> object:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            return real(*arguments, **more)

        return call


def test_cut_off_at_any_operation_the_site_is_the_old_or_the_new_one(here, out, tmp_path, monkeypatch):
    """What `finally` clears away a killed process would leave: the next build takes it away."""
    row = here.accepted("ann", sku="A")
    made(here, out)
    start = tmp_path / "start"
    start.mkdir()
    for name in (".site.twin", "site"):
        os.system(f"cp -al {tmp_path / name} {start / name}")
    old = tree(out)
    here.accepted("bob", row=row, sku="A")
    new = fresh(here, out)
    cut, number, results = Cut(monkeypatch), 0, set[str]()
    while True:
        number += 3
        cut.left = number
        with contextlib.suppress(KeyboardInterrupt):
            made(here, out)
        ended, cut.left = cut.left > 0, 0
        found = tree(out)
        assert found in (old, new), number
        results.add("old" if found == old else "new")
        made(here, out)
        assert tree(out) == tree(twin.beside(out)) == new, number
        if ended:
            break
        for name in (".site.twin", "site"):
            shutil.rmtree(tmp_path / name)
            os.system(f"cp -al {start / name} {tmp_path / name}")
    assert results == {"old", "new"}
    assert number > 60


@pytest.mark.parametrize("code", [errno.EPERM, errno.EMLINK])
def test_where_a_file_can_have_one_name_only_it_is_copied(here, out, monkeypatch, code):
    def refused(*_: object, **__: object) -> None:
        raise OSError(code, "no links here")

    monkeypatch.setattr(os, "link", refused)
    for _ in steps(here):
        made(here, out)
        assert tree(out) == tree(twin.beside(out)) == fresh(here, out)
    assert (out / "index.html").stat().st_nlink == 1


def test_a_second_folder_that_somebody_changed_is_not_published(here, out):
    here.accepted("ann", sku="A")
    made(here, out)
    shutil.rmtree(twin.beside(out))
    twin.beside(out).mkdir()
    (twin.beside(out) / "index.html").write_text("another")
    here.accepted("bob", sku="B")
    made(here, out)
    assert tree(out) == tree(twin.beside(out)) == fresh(here, out)


def test_a_build_into_the_folder_alone_leaves_no_state_to_the_second_one(here, out):
    here.accepted("ann", sku="A")
    made(here, out)
    here.accepted("bob", sku="B")
    build(Wish(here.registry.target, out, DAY), SILENT)
    here.accepted("cat", sku="C")
    made(here, out)
    assert tree(out) == tree(twin.beside(out)) == fresh(here, out)
