"""Exported files that lost their end, lie elsewhere, never end or are no files at all; and a database that names paths."""

import base64
import json
import os
import shutil

import pytest

from harness.errors import LogInconsistent, RecordInvalid
from harness.progress import SILENT
from harness.registry.actions.create import sign_checkpoint
from harness.registry.exchange import files, last_seen
from harness.registry.opening import open_readable
from harness.tlog import checkpoint
from tests.support.registry_world import key, world


@pytest.fixture
def made(tmp_path):
    """An export of five entries with checkpoints of three and of five."""
    registry = world(str(tmp_path / "registry"))
    registry.submit(registry.record("ann"))
    sign_checkpoint(registry.registry, key("registry"))
    registry.accepted("bob", sku="Synthetic GPU B")
    sign_checkpoint(registry.registry, key("registry"))
    files.export(registry.registry, tmp_path / "out", SILENT)
    return tmp_path / "out"


def cut(folder, entries):
    """Take the last entries off, and whatever belongs to them."""
    log = folder / files.LOG
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:-entries]))
    return len(lines) - entries


def newest(folder):
    return max((folder / "checkpoints").iterdir(), key=lambda path: int(path.name))


def edit(folder, **changes):
    mark = json.loads((folder / "registry.json").read_text()) | changes
    (folder / "registry.json").write_text(json.dumps({k: v for k, v in mark.items() if v != "drop"}))


def refused(folder, words):
    with pytest.raises(RecordInvalid, match=words) as caught:
        files.in_memory(folder)
    assert "\n" not in str(caught.value)


def test_an_export_that_lost_its_last_entries_is_refused(made):
    newest(made).unlink()
    size = cut(made, 2)
    refused(made, f"has {size} entries, and registry.json names {size + 2}: its end was cut")


@pytest.mark.parametrize("old", [True, False])
def test_an_export_without_a_root_in_its_mark_still_has_its_size(made, old):
    if old:
        edit(made, root="drop", checkpoint="drop")
    files.in_memory(made)
    newest(made).unlink()
    cut(made, 1)
    refused(made, "its end was cut")


def test_an_export_that_lost_its_newest_checkpoint_is_refused(made):
    size = int(newest(made).name)
    newest(made).unlink()
    refused(made, f"lacks the checkpoint {size} that registry.json names")


@pytest.mark.parametrize(("changes", "words"), [
    ({"root": "0" * 64}, "another log than registry.json names"), ({"origin": "other.example/registry"}, "another log than"),
    ({"size": 3}, "more entries than the 3"), ({"size": 99}, "its end was cut"), ({"size": "6"}, "origin and size"),
    ({"size": True}, "origin and size"), ({"format": 2}, "format 1"), ({"checkpoint": -1}, "checkpoint must be"),
])  # fmt: skip
def test_what_an_export_says_of_itself_must_hold(made, changes, words):
    edit(made, **changes)
    refused(made, words)


def test_a_mark_that_is_no_json_is_refused(made):
    (made / "registry.json").write_bytes(b"[" * 50_000)
    refused(made, "does not describe an export")


@pytest.mark.parametrize("name", ["log/entries.jsonl", "checkpoint", "event", "envelope", "samples"])
@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_what_is_no_regular_file_is_refused_and_never_waited_for(made, name, kind):
    path = {
        "checkpoint": lambda: newest(made),
        "event": lambda: next((made / "events").iterdir()),
        "envelope": lambda: next((made / "records").glob("*/record.dsse.json")),
        "samples": lambda: next((made / "records").glob("*/samples.parquet")),
    }.get(name, lambda: made / name)()
    kept = made.parent / "kept"
    path.rename(kept)
    {"pipe": lambda: os.mkfifo(path), "link": lambda: path.symlink_to(kept), "folder": path.mkdir}[kind]()
    refused(made, "regular file|is a link|must be a|can't be read")


@pytest.mark.parametrize("name", ["log", "events", "records", "checkpoints", "one record"])
def test_a_linked_folder_is_refused(made, name):
    path = next((made / "records").iterdir()) if name == "one record" else made / name
    shutil.move(path, made.parent / "elsewhere")
    path.symlink_to(made.parent / "elsewhere", target_is_directory=True)
    refused(made, "is a link")


def test_a_sparse_log_of_three_gigabytes_is_refused_at_its_first_line(made):
    with (made / files.LOG).open("r+b") as file:
        file.truncate(0)
        file.truncate(3 << 30)
    refused(made, "a line of more than")


@pytest.mark.parametrize("name", ["checkpoints", "events", "registry.json"])
def test_a_file_over_its_limit_is_refused_by_its_size(made, name):
    path = made / name if name == "registry.json" else next((made / name).iterdir())
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    refused(made, "bytes")


def test_another_origins_checkpoint_under_the_same_key_is_refused(made):
    path = newest(made)
    _, size, root, *_ = path.read_bytes().decode().split("\n")
    other = checkpoint.body(checkpoint.Checkpoint("other.example/registry", int(size), base64.b64decode(root)))
    path.write_bytes(checkpoint.sign_text(other, key("registry"), "test.example/registry"))
    refused(made, "is of the log 'other.example/registry'")


def test_who_has_seen_the_longer_log_is_warned_by_any_shorter_copy(made, tmp_path):
    short = tmp_path / "short"
    shutil.copytree(made, short)
    newest(short).unlink()
    size = cut(short, 2)
    edit(short, size=size, root="drop", checkpoint="drop")
    place = tmp_path / "seen"
    last_seen.look(open_readable(str(short)), place)  # nothing was seen before
    last_seen.look(open_readable(str(made)), place)
    with pytest.raises(LogInconsistent, match=f"has {size} entries, and test.example/registry had {size + 2}"):
        last_seen.look(open_readable(str(short)), place)
    again = files.into(short, str(tmp_path / "database"), SILENT)
    with pytest.raises(LogInconsistent, match="had"):
        last_seen.look(again, place)


@pytest.mark.parametrize("left", ["the earlier one", "none"])
def test_who_has_seen_a_checkpoint_is_warned_where_it_was_removed(made, tmp_path, left):
    place, other = tmp_path / "seen", tmp_path / "other"
    shutil.copytree(made, other)
    last_seen.look(open_readable(str(made)), place)
    last_seen.look(open_readable(str(made)), place)
    newest(other).unlink()
    if left == "none":
        newest(other).unlink()
    edit(other, checkpoint=None if left == "none" else int(newest(other).name))
    with pytest.raises(LogInconsistent, match=r"had one of \d+ when it was last seen"):
        last_seen.look(open_readable(str(other)), place)
    last_seen.look(open_readable(str(other)), tmp_path / "another-user")  # nobody else can know


def test_a_memory_from_before_checkpoints_were_kept_is_read(made, tmp_path):
    place = tmp_path / "seen"
    last_seen.look(open_readable(str(made)), place)
    (path,) = place.iterdir()
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({name: kept[name] for name in ("origin", "size", "root")}))
    last_seen.look(open_readable(str(made)), place)
    assert json.loads(path.read_text()) == kept


def test_the_memory_of_a_database_holds_for_its_exports(tmp_path):
    registry = world(str(tmp_path / "registry"))
    files.export(registry.registry, tmp_path / "old", SILENT)
    registry.join("ann")
    last_seen.look(registry.registry, tmp_path / "seen")
    with pytest.raises(LogInconsistent, match="older copy"):
        last_seen.look(open_readable(str(tmp_path / "old")), tmp_path / "seen")


@pytest.mark.parametrize("name", ["../../outside", "/tmp/outside", "x" * 64, "A" * 64])
def test_an_export_writes_nowhere_else_for_a_record_called_by_a_path(tmp_path, monkeypatch, name):
    from dataclasses import replace

    registry = world(str(tmp_path / "registry"))
    registry.submit(registry.record("ann"))
    honest = files.events.read
    monkeypatch.setattr(
        files.events, "read", lambda *a: replace(e, subject=name) if (e := honest(*a)).kind == "record-submitted" else e
    )
    with pytest.raises(RecordInvalid, match="names no record"):
        files.export(registry.registry, tmp_path / "deep" / "out", SILENT)
    assert [path.name for path in tmp_path.iterdir()] in (["registry", "deep"], ["deep", "registry"])
    assert not list((tmp_path / "deep").iterdir())


def test_a_checkpoint_whose_size_is_a_path_is_not_exported(tmp_path):
    import sqlite3

    registry = world(str(tmp_path / "registry"))
    sign_checkpoint(registry.registry, key("registry"))
    with sqlite3.connect(tmp_path / "registry" / "registry.sqlite") as connection:
        connection.execute("INSERT INTO checkpoints (size, note) VALUES ('../../../outside', 'x')")
    with pytest.raises(RecordInvalid, match="holds str where a whole number belongs"):
        files.export(registry.registry, tmp_path / "out", SILENT)
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "out").exists()
