"""The log as static files, checked the way a stranger would: from the files alone."""

from __future__ import annotations

import base64
import json
import re
from datetime import date
from hashlib import sha256
from html import unescape
from io import BytesIO
from itertools import pairwise
from urllib import request

import pytest

from harness.errors import RecordInvalid
from harness.record.envelope import key_id
from harness.registry.actions import acts, log_key
from harness.registry.actions.acts import utc
from harness.registry.actions.create import sign_checkpoint
from harness.registry.db.transaction import Item
from harness.registry.queries.active_policy import in_force
from harness.registry.rules.base import id_of
from harness.site.data.values import Site
from harness.site.pages import log
from harness.tlog import checkpoint, merkle, tiles
from tests.support.registry_world import ORIGIN, World, key, text, world
from tests.support.site_world import gathered

BASE = "https://bench.example/registry/"


@pytest.fixture
def small(tmp_path) -> World:
    return world(str(tmp_path / "registry"))


def site_of(reader) -> Site:
    loaded = in_force(reader)
    return Site(
        reader.origin(), BASE, loaded.policy, "network-v2", loaded.sha256, date(2026, 11, 24), reader.size(), False
    )


def built(place: World, seen: int = 0) -> dict[str, bytes]:
    with place.registry.reading() as reader:
        found = [*log.files(reader, site_of(reader), seen), *log.keys(reader, site_of(reader), gathered(reader))]
    assert len(found) == len(dict(found))
    return dict(found)


def size_of(place: World) -> int:
    with place.registry.reading() as reader:
        return reader.size()


def grow(place: World, count: int) -> None:
    """That many requests, in one batch."""
    who = place.join("asker")
    with place.registry.reading() as reader:
        first = reader.size()
        made = [
            acts.event(
                reader, place.actor("asker"), "request-opened", sha256(f"{first} {number}".encode()).hexdigest(),
                detail={"model": "m", "hardware": "h", "runtime": "r"},
            )
            for number in range(count)
        ]  # fmt: skip
    place.registry.append([Item(one.signed([who.operator]).to_bytes()) for one in made], utc())
    assert size_of(place) == first + count


def signed(place: World) -> checkpoint.Checkpoint:
    note = sign_checkpoint(place.registry, key("registry"))
    return checkpoint.read(note, {ORIGIN: key("registry").public_key()}, "note")


def test_the_tiles_give_the_root_that_the_checkpoint_signs(small):
    grow(small, 600)
    head = signed(small)
    files = built(small)
    node = tiles.read_node(head.size, lambda path: files[f"log/{path}"])
    assert merkle.root(head.size, node) == head.root
    assert checkpoint.read(files["log/checkpoint"], {ORIGIN: key("registry").public_key()}, "it") == head
    assert files[f"log/checkpoints/{head.size}"] == files["log/checkpoint"]


def test_they_are_the_tiles_of_the_layout_and_no_others(small):
    grow(small, 600)
    head = signed(small)
    files = built(small)
    with small.registry.reading() as reader:
        expected = dict(tiles.tiles(head.size, reader.node, lambda index: reader.entry(index).payload()))
    assert {path.removeprefix("log/"): data for path, data in files.items() if path.startswith("log/tile/")} == expected
    assert "log/tile/0/001" in files


def test_entries_newer_than_the_checkpoint_are_in_no_tile(small):
    grow(small, 5)
    head = signed(small)
    grow(small, 300)
    files = built(small)
    assert {path for path in files if "tile" in path} == {
        f"log/tile/{what}/000.p/{head.size}" for what in (0, "entries")
    }
    assert b"300 newer entries wait" in files["log/index.html"]


def test_consistency_proofs_lead_from_each_checkpoint_to_the_next(small):
    heads = []
    for count in (3, 260, 1, 40):
        grow(small, count)
        heads.append(signed(small))
    files = built(small)
    for old, new in pairwise(heads):
        proof = [base64.b64decode(line) for line in files[log.consistency_path(old.size, new.size)].splitlines()]
        assert merkle.verify_consistency(old.size, new.size, old.root, new.root, proof)
        address = f'href="consistency/{old.size}-{new.size}.txt"'
        assert address.encode() in files["log/index.html"]
    assert len([path for path in files if "consistency" in path]) == 3


def test_without_a_checkpoint_there_are_no_tiles_and_the_page_says_so(small):
    files = built(small)
    assert set(files) == {"log/index.html", "api/v1/keys.json"}
    assert b"No checkpoint is signed yet" in files["log/index.html"]


@pytest.mark.parametrize("signed_late", [False, True], ids=["then", "after that build"])
def test_since_leaves_out_nothing_that_an_earlier_build_lacks(small, signed_late):
    kept, newest = [], 0  # (size of the newest checkpoint, files)
    for count in (100, 200, 256, 30):
        grow(small, count)
        if not signed_late:
            newest = signed(small).size
        kept.append((newest, built(small)))
        if signed_late:
            newest = signed(small).size
    grow(small, 5)
    whole = built(small)
    for seen, before in kept:
        later = built(small, seen)
        assert {path: data for path, data in {**before, **later}.items() if path in whole} == whole
        stale = (before.keys() | later.keys()) - whole.keys()
        assert all(re.search(r"\.p/\d+$", path) for path in stale)  # partial tiles that a full one has replaced


def test_since_leaves_out_full_tiles_old_checkpoints_and_old_proofs(small):
    for count in (299, 256, 30):
        grow(small, count)
        signed(small)
    sizes = sorted(int(path.rpartition("/")[2]) for path in built(small) if path.startswith("log/checkpoints/"))
    later = built(small, sizes[1])
    assert "log/tile/0/000" not in later
    assert "log/tile/entries/001" not in later
    assert {path for path in later if "checkpoints/" in path or "consistency" in path} == {
        f"log/checkpoints/{sizes[2]}",
        f"log/consistency/{sizes[1]}-{sizes[2]}.txt",
    }


def test_a_later_build_reads_no_old_tile(small):
    grow(small, 600)
    signed(small)
    size = size_of(small)
    grow(small, 1)
    signed(small)
    assert {path for path in built(small, size) if "tile/" in path} == {
        f"log/tile/0/002.p/{size + 1 - 512}", "log/tile/1/000.p/2", f"log/tile/entries/002.p/{size + 1 - 512}",
    }  # fmt: skip


def test_a_checkpoint_of_another_history_stops_the_build(small):
    with small.registry.reading() as reader:
        false = checkpoint.Checkpoint(ORIGIN, reader.size(), sha256(b"another").digest())
    small.registry.keep_checkpoint(false.size, checkpoint.sign(false, key("registry")))
    with pytest.raises(RecordInvalid, match="another history"):
        built(small)


def test_a_checkpoint_that_another_key_signed_stops_the_build(small):
    with small.registry.reading() as reader:
        head = checkpoint.Checkpoint(ORIGIN, reader.size(), reader.root())
    small.registry.keep_checkpoint(head.size, checkpoint.sign(head, key("thief")))
    with pytest.raises(RecordInvalid, match="signed by 0 known keys"):
        built(small)


def test_the_program_on_the_page_finds_the_log_good_and_a_changed_one_false(small, monkeypatch, capsys):
    grow(small, 270)
    head = signed(small)
    files = built(small)
    program = re.search(r"<code>(from urllib.*?)</code>", files["log/index.html"].decode(), re.S)[1]
    monkeypatch.setattr(request, "urlopen", lambda url: BytesIO(files[url.removeprefix(BASE)]))
    exec(unescape(program), {})
    assert capsys.readouterr().out == f"{head.size} entries: good\n"
    path = "log/tile/entries/000"
    files[path] = files[path].replace(b'"at"', b'"aT"', 1)
    exec(unescape(program), {})
    assert capsys.readouterr().out == f"{head.size} entries: FALSE\n"


def test_a_log_whose_key_was_rotated_is_shown_with_the_key_of_each_checkpoint(small, monkeypatch, capsys):
    following = key("registry-2")
    first = signed(small)
    log_key.announce(small.registry, small.editor(), key_id(following.public_key()), "first day")
    log_key.rotate(small.registry, [key("registry")], following)
    until = size_of(small) - 1
    grow(small, 3)
    sign_checkpoint(small.registry, following)
    files = built(small)
    old, new = (checkpoint.vkey(ORIGIN, one.public_key()) for one in (key("registry"), following))
    assert (
        checkpoint.read(files[f"log/checkpoints/{first.size}"], {ORIGIN: key("registry").public_key()}, "it") == first
    )
    keys = json.loads(files["api/v1/keys.json"])["registry_key"]
    assert (keys["vkey"], keys["earlier"]) == (
        new,
        [{"public_key": text(key("registry")), "vkey": old, "until_size": until}],
    )
    page = unescape(files["log/index.html"].decode())
    assert f"up to {until} entries: <code>{old}</code>" in page
    program = re.search(r"<code>(from urllib.*?)</code>", page, re.S)[1]
    monkeypatch.setattr(request, "urlopen", lambda url: BytesIO(files[url.removeprefix(BASE)]))
    exec(program, {})
    assert capsys.readouterr().out == f"{size_of(small)} entries: good\n"


def test_the_page_shows_the_note_and_the_key_as_text(small):
    signed(small)
    page = unescape(built(small)["log/index.html"].decode())
    assert built(small)["log/checkpoint"].decode() in page
    assert checkpoint.vkey(ORIGIN, key("registry").public_key()) in page


def test_keys_are_those_of_the_registry_its_editors_and_public_operators(small):
    row = small.accepted("ann")
    small.submit(small.record("zed"), row)
    keys = json.loads(built(small)["api/v1/keys.json"])
    assert (
        checkpoint.parse_vkey(keys["registry_key"]["vkey"], "it")[1].public_bytes_raw().hex()
        == keys["registry_key"]["public_key"]
    )
    assert [(one["handle"], one["public_key"]) for one in keys["editors"]["keys"]] == [("ed", text(key("ed")))]
    (ann,) = keys["operators"]
    assert (ann["handle"], ann["public_key"]) == ("ann", text(small.person("ann").operator))
    assert ann["key_id"] == id_of(ann["public_key"])
    assert b"zed" not in b"".join(built(small).values())


def test_a_revoked_key_is_marked(small):
    small.accepted("ann")
    own = key_id(small.person("ann").operator.public_key())
    small.act(small.editor(), "key-revoked", own, reason="stolen", detail={"from_index": size_of(small)})
    (ann,) = json.loads(built(small)["api/v1/keys.json"])["operators"]
    (told,) = ann["keys"]
    assert (told["key_id"], told["revoked"], told["revoked_from_entry"]) == (own, True, size_of(small) - 1)


def test_the_same_log_gives_the_same_bytes(small):
    small.accepted("ann")
    signed(small)
    assert built(small) == built(small)
