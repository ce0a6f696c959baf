"""The site as a whole: the same registry gives the same bytes, however it got there; what can't be read changes nothing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import jsonschema
import pytest
from sqlalchemy import text

from harness.errors import BadInput
from harness.progress import SILENT
from harness.record.envelope import key_id
from harness.registry.actions import acts
from harness.registry.actions.create import sign_checkpoint
from harness.registry.facts import OperatorFact
from harness.site.addresses import listed, operator
from harness.site.build import Built, Wish, build
from harness.site.draw.png import FONTS
from harness.site.incremental import publish, workers
from harness.site.pages import compare, decisions, lists, operators, regressions
from tests.support.heard import Calling
from tests.support.registry_world import World, key, world
from tests.support.registry_world import text as spelled

DAY = date(2026, 11, 24)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> 漢字 🔥 {{ 7*7 }}"
TURNED = HOSTILE + "\u202egnp.exe\u202c"  # no record's field may turn the text round; a reason may


def made(registry: World, out: Path, day: date = DAY) -> Built:
    return build(Wish(registry.registry.target, out, day), SILENT)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def everything(folder: Path) -> bytes:
    """What a visitor can read: every file, the build's own included."""
    return b"\n".join(tree(folder).values())


@pytest.fixture
def here(tmp_path: Path) -> World:
    return world(str(tmp_path / "registry"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "site"


def test_an_empty_registry_gives_a_useful_site(here: World, out: Path) -> None:
    assert made(here, out).rows == 0
    assert b"Nothing is public yet" in (out / "index.html").read_bytes()
    for page in ("methodology", "operators", "compare", "regressions", "requests", "log", "decisions", "api"):
        assert (out / page / "index.html").is_file()


def test_the_same_registry_gives_the_same_bytes_and_a_second_build_writes_nothing(here: World, out: Path) -> None:
    row = here.accepted("ann", sku="A")
    here.accepted("bob", row=row, sku="A")
    first = made(here, out)
    assert (first.rows, first.made) == (1, 1)
    before = tree(out)
    again = made(here, out)
    assert (again.made, again.files, again.removed) == (0, 0, 0)
    other = out.with_name("other")
    made(here, other)
    assert tree(out) == before == tree(other)


def test_records_that_come_along_to_the_next_row_change_all_their_pages(here: World, out: Path) -> None:
    row = here.accepted("ann", sku="A")
    for number, name in enumerate(("bob", "cat")):
        here.accepted(name, row=row, sku="A", rate=(60.0, 100.5)[number])
    made(here, out)
    here.act(here.actor("ann"), "record-withdrawn", row, reason="never mind")
    made(here, out)
    again = here.accepted("eve", sku="A", rate=101.0)
    made(here, out)
    other = out.with_name("other")
    made(here, other)
    assert tree(out) == tree(other)
    assert b"bob" in (out / "rows" / again[:16] / "index.html").read_bytes()


def _steps(here: World) -> list[Callable[[], object]]:
    """Whatever may happen at a registry."""
    rows: dict[str, str] = {}

    def keep(name: str, record: str) -> None:
        rows[name] = record

    def revoke() -> object:
        with here.registry.reading() as reader:
            assert reader.get(OperatorFact, "dan") is not None
            index = reader.size()
        who = key_id(here.person("dan").operator.public_key())
        return here.act(here.editor(), "key-revoked", who, reason="stolen", detail={"from_index": index})

    def rotate() -> object:
        who = here.person("fay")
        detail = {"operator_key": spelled(who.following), "next_key_sha256": key_id(key("after next").public_key())}
        return here.act(acts.Actor("fay", (who.following,)), "operator-rotated", "fay", detail=detail)

    return [
        lambda: keep("one", here.accepted("ann", sku="A")),
        lambda: keep("two", here.accepted("bob", sku="B", model="other")),
        lambda: keep("green", here.accepted("cat", row=rows["one"], sku="A")),
        lambda: here.submit(here.record("dan", sku="C"), rows["one"]),
        lambda: keep("red", here.accepted("eve", row=rows["one"], sku="D", rate=150)),
        lambda: here.act(here.editor(), "operator-verified", "cat", reason="seen"),
        lambda: sign_checkpoint(here.registry, key("registry")),
        lambda: keep("late", here.accepted("fay", sku="E", version="0.5.0")),
        lambda: here.accepted("gus", row=rows["one"], sku="F", rig="shared"),
        lambda: here.accepted("hal", row=rows["one"], sku="G", rig="shared"),
        lambda: here.act(here.actor("cat"), "record-withdrawn", rows["green"], reason="a wrong driver"),
        lambda: here.act(here.editor(), "record-rejected", rows["late"], reason="not what it says"),
        lambda: here.act(here.editor(), "operator-unverified", "cat", reason="sold"),
        lambda: acts.act(
            here.registry, here.editor(), "operators-tied", "bob", reason="one desk", detail={"other": "eve"}
        ),
        revoke,
        lambda: here.act(here.actor("ann"), "record-withdrawn", rows["one"], reason="a wrong model"),
        lambda: sign_checkpoint(here.registry, key("registry")),
        lambda: here.approve(rows["late"], reason="it was right"),
        rotate,
        lambda: keep("newer", here.accepted("bob", row=rows["two"], sku="B", model="other", version="0.5.0")),
        lambda: here.accepted("ida", row=rows["two"], sku="B", model="other"),
        lambda: here.act(here.actor("bob"), "record-withdrawn", rows["newer"], reason="a wrong driver"),
    ]


def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few lines a page that a small registry fills several, and lists end where a row comes or goes."""
    for module, names in (
        (lists, ("LONG", "NEWEST", "OFFERED", "CHARTS", "BARS")),
        (compare, ("GROUPS", "LONG")),
        (operators, ("PAGE",)),
        (regressions, ("PAGE",)),
        (decisions, ("NEWEST",)),
    ):
        for name in names:
            monkeypatch.setattr(module, name, 2)
    monkeypatch.setattr(decisions, "PAGE", 5)


@pytest.mark.parametrize("short", [False, True])
def test_a_site_built_incrementally_is_the_one_built_from_nothing(
    here: World, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, short: bool
) -> None:
    if short:
        _short(monkeypatch)
    repeated = 0
    for number, step in enumerate(_steps(here)):
        step()
        made(here, out)
        fresh = tmp_path / "fresh"
        made(here, fresh)
        ours, theirs = tree(out), tree(fresh)
        assert sorted(ours) == sorted(theirs), number
        assert [name for name in ours if ours[name] != theirs[name]] == [], number
        repeated = max(repeated, len(json.loads(ours[".site.json"])["repeated"]))
        shutil.rmtree(fresh)
    assert repeated  # a machine was measured again with another version, and the regressions went on, too


@pytest.mark.parametrize(
    "name",
    [
        "downloads/registry.sqlite",
        "downloads/rows.parquet",
        "downloads/records.parquet",
        "api/v1/rows.json",
        "assets/rows.js",
    ],
)
def test_what_somebody_changed_is_built_from_nothing(here: World, out: Path, tmp_path: Path, name: str) -> None:
    here.accepted("ann", sku="A")
    made(here, out)
    (out / name).write_bytes((out / name).read_bytes()[:-7] + b"changed")
    here.accepted("bob", sku="B")
    assert made(here, out).made == 2
    made(here, tmp_path / "fresh")
    assert tree(out) == tree(tmp_path / "fresh")


def test_with_the_days_only_what_ages_is_made_again(here: World, out: Path, tmp_path: Path) -> None:
    here.accepted("ann", sku="A")
    made(here, out)
    assert made(here, out, date(2026, 11, 25)).made == 0
    later = made(here, out, date(2028, 6, 1))
    assert later.made == 1
    made(here, tmp_path / "fresh", date(2028, 6, 1))
    assert tree(out) == tree(tmp_path / "fresh")


def test_what_no_editor_has_approved_is_nowhere(here: World, out: Path) -> None:
    row = here.accepted("ann", sku="A")
    hidden = [
        here.record("pending-pat", sku="A"),
        here.record("rejected-rob", sku="R"),
        here.record("back-bea", sku="S"),
    ]
    here.submit(hidden[0], row)
    here.submit(hidden[1])
    here.act(here.editor(), "record-rejected", hidden[1].id, reason="unbelievable-reason")
    here.submit(hidden[2])
    here.act(here.editor(), "record-sent-back", hidden[2].id, reason="unsaid-reason")
    sign_checkpoint(here.registry, key("registry"))
    made(here, out)
    seen = everything(out)
    for word in (b"pending-pat", b"rejected-rob", b"back-bea", b"unbelievable-reason", b"unsaid-reason"):
        assert word not in seen, word
    for one in hidden:
        assert one.id.encode() not in seen
        assert one.id[:12].encode() not in seen
    assert b"1 pending" in seen


def test_a_record_that_can_not_be_read_is_left_out_by_name_and_stops_no_build(
    here: World, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = here.accepted("ann", sku="A")
    made(here, out)
    before = tree(out)
    other = here.accepted("bob", row=row, sku="A")
    with here.registry.engine.connect().execution_options(write=True) as connection, connection.begin():
        connection.execute(text("DROP TRIGGER bodies_no_update"))
        connection.execute(
            text("UPDATE bodies SET data = :data WHERE sha256 = (SELECT json_extract(value, '$.envelope_sha256') "
                 "FROM facts WHERE kind = 'record' AND name = :name)"),
            {"data": b"{}", "name": other},
        )  # fmt: skip
    for alone in (128, 0):  # in this process, and in a pool of others
        monkeypatch.setattr(workers, "ALONE", alone)
        assert [one.record for one in made(here, out).left_out] == [other]
        assert not (out / "records" / f"{other}.json").exists()
        assert tree(out).keys() >= before.keys()
    assert [path.name for path in out.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("meanwhile", [False, True])
def test_several_processes_make_the_site_that_one_makes(
    here: World, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, meanwhile: bool
) -> None:
    row = here.accepted("ann", sku="A")
    here.accepted("bob", row=row, sku="A")
    here.accepted("cat", sku="C")
    made(here, tmp_path / "alone")

    def tell(done: int, of: int) -> None:
        if meanwhile and done == 1:  # the build shows the state that it began with
            here.submit(here.record("dan", sku="D"), row)

    monkeypatch.setattr(workers, "ALONE", 0)
    monkeypatch.setattr(workers, "_EACH", 1)
    build(Wish(here.registry.target, out, DAY), Calling(tell))
    assert tree(out) == tree(tmp_path / "alone")


def test_a_folder_of_something_else_is_left_alone(here: World, out: Path) -> None:
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(BadInput, match="repro site build did not write"):
        made(here, out)
    assert (out / "thesis.txt").read_text() == "years of work"


def test_hostile_text_is_inert_and_intact(here: World, out: Path) -> None:
    row = here.accepted("ann", sku=HOSTILE, model=HOSTILE)
    here.act(here.editor(), "operator-verified", "ann", reason=TURNED)
    here.act(
        here.actor("ann"), "request-opened", "0" * 64, detail={"model": HOSTILE, "hardware": HOSTILE, "runtime": "x"}
    )
    here.act(here.editor(), "request-accepted", "0" * 64, reason=TURNED)
    made(here, out)
    page = (out / "rows" / row[:16] / "index.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    for name, data in tree(out).items():
        if name.endswith((".html", ".svg", ".xml")):
            assert b"<script>alert" not in data, name
            assert b"<img src=x" not in data, name
            data = re.sub(rb"forecast/\w+/[\w-]+", b"", data)  # and so may the digest of an address
            data = re.sub(rb"assets/\w+\.[0-9a-f]{10}", b"", data)  # a digest may hold any number, and so may a size
            if name.startswith("forecast/"):
                continue  # numbers of the program's own, and no text of the registry
            assert b"49" not in data or b"{{ 7*7 }}" in data or "rows" in name or name == "api/index.html", name
    script = (out / "assets" / "rows.js").read_text()
    assert "</script" not in script
    assert (
        json.loads(script.removeprefix("window.REPRO_ROWS=").rstrip(";\n").replace("<\\/", "</"))["rows"][0][1]
        == HOSTILE
    )


def test_the_json_follows_its_schemas(here: World, out: Path) -> None:
    row = here.accepted("ann", sku="A")
    here.accepted("bob", row=row, sku="B")
    made(here, out)
    for name, file in (("rows", "rows.json"), ("row", f"rows/{row}.json")):
        schema = json.loads((out / "api" / "v1" / "schema" / f"{name}.json").read_bytes())
        jsonschema.validate(json.loads((out / "api" / "v1" / file).read_bytes()), schema)


def test_a_build_that_was_cut_off_leaves_nothing_behind_for_good(
    here: World, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.accepted("ann", sku="A")
    made(here, out)
    withdrawn = here.accepted("bob", sku="B")
    real, laid = publish._replaced, 0

    def cut(path: Path, target: Path) -> bool:
        nonlocal laid
        laid += path.parent.name == "records" and path.name.startswith(withdrawn)
        if laid > 1:
            raise KeyboardInterrupt
        return real(path, target)

    monkeypatch.setattr(publish, "_replaced", cut)
    with pytest.raises(KeyboardInterrupt):
        made(here, out)
    monkeypatch.setattr(publish, "_replaced", real)
    assert (out / "records" / f"{withdrawn}.json").exists()
    here.act(here.actor("bob"), "record-withdrawn", withdrawn, reason="a wrong driver")
    made(here, out)
    made(here, tmp_path / "fresh")
    assert tree(out) == tree(tmp_path / "fresh")


def test_one_build_at_a_time(here: World, out: Path) -> None:
    seen = []

    def tell(done: int, of: int) -> None:
        with pytest.raises(BadInput, match="under way"):
            made(here, out)
        seen.append(done)

    here.accepted("ann", sku="A")
    build(Wish(here.registry.target, out, DAY), Calling(tell))
    assert seen == [1]
    assert (out / "index.html").is_file()


def test_a_linked_folder_stays_a_link(here: World, out: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    out.symlink_to(tmp_path / "real")
    made(here, out)
    assert out.is_symlink()
    assert (tmp_path / "real" / "index.html").is_file()


def test_addresses_are_never_the_same_for_two(here: World) -> None:
    names = ["index", "x", "x-page-2", "X", "", "x 2", "\ud800", "x/../y", "."]
    found = {listed("models", name, number) for name in names for number in (1, 2)}
    assert len(found) == 2 * len(names)
    assert all(address.startswith("models/") and address.count("/") == 1 for address in found)
    assert operator("page-turner") == "operators/page-turner.html"


@pytest.mark.skipif(
    not any(Path(font[0]).is_file() for font in FONTS), reason="no font is installed: fonts-dejavu-core"
)
def test_diagrams_are_pictures_where_that_is_asked_for(here: World, out: Path) -> None:
    row = here.accepted("ann", sku="A")
    build(Wish(here.registry.target, out, DAY, png=True), SILENT)
    for path in (out / "methodology" / "network.png", out / "rows" / row[:16] / "network.png"):
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG")
        assert int.from_bytes(data[16:20], "big") == 1280
    assert made(here, out).made == 1  # without them it is another site
    assert not list(out.rglob("network.png"))
