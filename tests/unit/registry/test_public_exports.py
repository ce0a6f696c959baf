"""Public exports: nothing that waits or was refused is in them, and every tier that they give is the registry's own."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from harness import program
from harness.errors import BadInput, ReproError
from harness.progress import SILENT
from harness.registry.actions import acts
from harness.registry.actions.create import sign_checkpoint
from harness.registry.exchange import files, public
from harness.registry.exchange.audit import audit
from harness.registry.intake import ingest
from harness.registry.intake.ingest import Submission
from harness.registry.opening import open_database, open_readable
from harness.registry.queries import published
from harness.registry.queries.published import WHEN, stretches
from harness.registry.queries.rows import people
from harness.registry.queries.scores import all_standings
from harness.tlog import event as events
from harness.tlog import tiles
from tests.support.registry_world import World, key, world

DAY = date(2026, 12, 1)


@dataclass
class Made(World):
    """`hidden`: records that are not public; `gone`: one that was."""

    row: str = ""
    gone: str = ""
    hidden: dict[str, Submission] = field(default_factory=dict)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A row with reproductions, and beside it whatever is not public: records that wait, were sent back, refused, withdrawn."""
    own = Made(world(str(tmp_path_factory.mktemp("model") / "registry")).registry)
    own.row = row = own.accepted("ann")
    own.accepted("bob", row=row, seed=2)
    own.accepted("cat", row=row, seed=3, sku="Synthetic GPU B")
    waits, back = own.record("dan", seed=4), own.record("eve", seed=5)
    own.submit(waits, row)
    own.submit(back, row)
    own.act(own.editor(), "record-sent-back", back.id, reason="the driver is missing: the queue's own word")
    refused = own.record("fay", seed=6, sku="Synthetic GPU C")
    own.submit(refused)
    own.act(own.editor(), "record-rejected", refused.id, reason="the queue's own word again")
    own.gone = own.accepted("gil", row=row, seed=7)
    own.act(own.actor("gil"), "record-withdrawn", own.gone, reason="on battery")
    acts.challenge(own.registry, key("registry"), "dan", 7)
    sign_checkpoint(own.registry, key("registry"))
    own.hidden = {"waits": waits, "back": back, "refused": refused}
    return own


@pytest.fixture(scope="module")
def shared(model, tmp_path_factory):
    """Its public export; nobody writes there."""
    return exported(model, tmp_path_factory.mktemp("shared") / "out")


@pytest.fixture
def made(model, tmp_path):
    """A copy of its own for one test."""
    shutil.copytree(model.registry.target, tmp_path / "registry")
    return replace(model, registry=open_database(str(tmp_path / "registry")))


def exported(own: World, folder: Path) -> Path:
    public.export(own.registry, folder, SILENT)
    return folder


def rows_of(registry):
    _, found = all_standings(registry, None, DAY)
    return {one.row: (one.state, one.tier, one.contested) for one in found if one.tier is not None}


def everything(folder: Path) -> bytes:
    return b"\n".join(path.name.encode() + path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_nothing_that_waits_or_was_refused_is_in_it(model, shared):
    text = everything(shared)
    for name, one in model.hidden.items():
        for word in (one.id, sha256(one.envelope).hexdigest(), sha256(one.samples).hexdigest()):
            assert word.encode() not in text, name
        assert one.envelope not in text
    assert b"the queue's own word" not in text
    with model.registry.reading() as reader:
        bodies = published.PublicLog().of(reader).bodies
    assert len(bodies) == 3
    assert model.gone not in bodies
    assert {path.name for path in (shared / "records").iterdir()} == set(bodies)


def test_its_tiers_are_the_registrys_and_its_audit_is_clean_and_says_what_it_did_not_see(model, shared):
    copy = open_readable(str(shared))
    assert rows_of(copy) == rows_of(model.registry)
    found = audit(copy, None, SILENT)
    assert found.faults == []
    assert (found.withheld, found.unseen, found.records) == (6, 1, 3)
    with model.registry.reading() as whole, copy.reading() as reader:
        assert (reader.size(), reader.root(), reader.checkpoint()) == (whole.size(), whole.root(), whole.checkpoint())


def test_a_person_with_two_handles_stays_one_where_only_a_record_that_waits_shows_it(tmp_path):
    own = world(str(tmp_path / "registry"))
    row = own.accepted("ann")
    own.accepted("bob", row=row, seed=2)
    own.accepted("cat", row=row, seed=3)
    own.submit(own.record("cat", rig="bob", seed=9), row)
    copy = open_readable(str(exported(own, tmp_path / "out")))
    assert rows_of(copy) == rows_of(own.registry)
    with copy.reading() as reader, own.registry.reading() as whole:
        assert people(reader)["bob"] == people(whole)["cat"] == "bob"


def test_what_was_public_stays_so_and_what_is_accepted_becomes_so(made, tmp_path):
    with made.registry.reading() as reader:
        first = published.PublicLog().of(reader)
    waits = made.hidden["waits"]
    made.approve(waits.id)
    made.act(made.editor(), "record-rejected", made.row, reason="a wrong driver after all")
    with made.registry.reading() as reader:
        later = published.PublicLog().of(reader)
    assert first.events.items() <= later.events.items()
    assert set(later.bodies) - set(first.bodies) == {waits.id}
    assert set(first.bodies) - set(later.bodies) == {made.row}
    copy = open_readable(str(exported(made, tmp_path / "out")))
    assert audit(copy, None, SILENT).faults == []
    assert rows_of(copy) == rows_of(made.registry) == {}
    reds = made.record("hal", seed=11)
    made.submit(reds)
    made.approve(reds.id)
    again = open_readable(str(exported(made, tmp_path / "again")))
    assert rows_of(again) == rows_of(made.registry)
    assert audit(again, None, SILENT).faults == []


def test_each_kind_of_event_says_when_it_is_public():
    assert set(WHEN) == set(events.KINDS)


def test_a_public_copy_is_exported_as_what_it_is_and_never_imported(shared, tmp_path):
    copy = open_readable(str(shared))
    assert everything(exported(World(copy), tmp_path / "again")) == everything(shared)
    with pytest.raises(BadInput, match="public copy"):
        files.export(copy, tmp_path / "whole", SILENT)
    with pytest.raises(BadInput, match="for reading"):
        files.into(shared, str(tmp_path / "place"), SILENT)
    assert not (tmp_path / "place").exists()


def spoiled(folder, what, made):
    told = json.loads((folder / "registry.json").read_text())
    if what == "body":
        path = folder / "records" / made.row / "samples.parquet"
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    elif what == "missing":
        (folder / "records" / made.row / "record.dsse.json").unlink()
    elif what == "planted":
        other = folder / "records" / made.gone
        other.mkdir()
        for path in (folder / "records" / made.row).iterdir():
            (other / path.name).write_bytes(path.read_bytes())
    elif what == "event":
        path = next((folder / "events").iterdir())
        path.write_bytes(path.read_bytes() + b" ")
    elif what == "cut":
        told["size"] -= 1
    elif what == "root":
        told["root"] = "00" * 32
    elif what == "withheld":
        told["withheld"].append([1, 1])
    elif what == "key":
        told["vkey"] = told["vkey"].replace(told["origin"], "other.example/x")
    elif what == "checkpoint":
        told["checkpoint"] = told["size"] + 1
    (folder / "registry.json").write_text(json.dumps(told))


@pytest.mark.parametrize(
    "what", ["body", "missing", "planted", "event", "cut", "root", "withheld", "key", "checkpoint"]
)
def test_a_changed_public_export_is_refused(model, shared, tmp_path, what):
    folder = tmp_path / "out"
    shutil.copytree(shared, folder)
    spoiled(folder, what, model)
    with pytest.raises(ReproError):
        open_readable(str(folder))


def test_stretches_are_the_numbers_without_their_gaps():
    assert stretches([]) == ()
    assert stretches([0, 1, 2, 5, 7, 8]) == ((0, 2), (5, 5), (7, 8))


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 70_000])
def test_every_path_of_the_layout_names_its_tile_again(size):
    for one in tiles.layout(size):
        assert tiles.parse_path(one.path) == one


@pytest.mark.parametrize(
    "path",
    ["tile/0/1", "tile/0/x000/001", "tile/00/001", "tile/0/001.p/256", "tile/0/001.p/0", "tile/0/001.p/01", "tile/x/001",
     "tile/entries/", "tile/0/../001", "tile/0/001/", "/tile/0/001", "tile/0/٠٠١"],
)  # fmt: skip
def test_no_other_path_names_a_tile(path):
    assert tiles.parse_path(path) is None


def test_samples_that_were_read_before_are_not_read_again_and_all_else_is_checked(model, tmp_path, monkeypatch):
    folder = tmp_path / "public"
    public.export(model.registry, folder, SILENT)
    public.in_memory(folder)
    read: list[str] = []
    real = ingest.headline
    counted = lambda record, samples, where: read.append(where) or real(record, samples, where)  # noqa: E731
    monkeypatch.setattr(ingest, "headline", counted)
    with public.in_memory(folder).reading() as reader:
        again = people(reader)
    assert read == []
    monkeypatch.setattr(program, "digest", lambda: "another")
    with public.in_memory(folder).reading() as reader:
        assert people(reader) == again
    assert len(read) == 3
    spoiled = folder / "records" / model.row / "samples.parquet"
    spoiled.write_bytes(spoiled.read_bytes() + b"x")
    with pytest.raises(ReproError, match="changed"):
        public.in_memory(folder)
