"""The log for anyone to check: signed checkpoints, the Merkle tree as C2SP tiles, consistency proofs, keys. It signs nothing and
shows no event: a line of the log holds digests only.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from harness.errors import RecordInvalid
from harness.registry.facts import EditorsFact, KeyFact, RegistryFact
from harness.registry.queries import Reader, log
from harness.registry.rules.base import id_of, public
from harness.site.api import models
from harness.site.api.json import encoded
from harness.site.data.public import Public
from harness.site.data.values import File, Site
from harness.site.pages.render import page
from harness.tlog import checkpoint, merkle, tiles
from harness.tlog.checkpoint import Checkpoint

_LATE = 256  # checkpoints that are made while a witness answers, at most
_LINE = "\n— ".encode()  # of a signature

# Shown on the page, and run by a test.
CHECK = """\
from urllib.request import urlopen
from harness.tlog import checkpoint, merkle, tiles

def get(path):
    return urlopen({base!r} + path).read()

name, key = checkpoint.parse_vkey({vkey!r}, "key")
head = checkpoint.read(get("checkpoint"), {{name: key}}, "checkpoint")
tree = merkle.Tree()
for first in range(0, head.size, tiles.WIDTH):
    path = tiles.bundle_path(first // tiles.WIDTH, width := min(tiles.WIDTH, head.size - first))
    tree.extend(merkle.leaf_hash(entry) for entry in tiles.read_bundle(get(path), width, path))
print(head.size, "entries:", "good" if tree.root() == head.root else "FALSE")
"""


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint in the list; `before`: the size of the one before it, if there is one."""

    size: int
    root: str  # hexadecimal
    before: int | None


def files(reader: Reader, site: Site, signed: int = 0) -> Iterator[File]:
    """Everything below `log/`.

    `signed`: without what a build has written already whose newest checkpoint was of that size: the checkpoints up to it but for
    new ones that witnesses signed, who may have come later; the proofs between them, and full tiles and bundles below it.

    Raises `RecordInvalid` for a checkpoint that is not signed by the registry, or is of another log.
    """
    registry, notes = reader.need(RegistryFact), _notes(reader)
    heads = [
        checkpoint.read(note, {site.origin: _public(registry.key_of(size))}, f"checkpoint {size}")
        for size, note in notes
    ]
    newest = heads[-1] if heads else None
    if newest is not None and (newest.size > reader.size() or merkle.root(newest.size, reader.node) != newest.root):
        raise RecordInvalid(
            "is of another history than the log", where=f"checkpoint {newest.size}", fix="run: repro audit"
        )
    yield "log/index.html", _index(reader, site, heads, notes[-1][1] if notes else b"", registry)
    if newest is None:
        return
    yield "log/checkpoint", notes[-1][1]
    for place, (size, note) in enumerate(notes):
        if size > signed or (place >= len(notes) - _LATE and note.count(_LINE) > 1):
            yield f"log/checkpoints/{size}", note
    for old, new in pairwise(heads):
        if new.size > signed:
            proof = merkle.consistency_proof(old.size, new.size, reader.node)
            yield consistency_path(old.size, new.size), b"".join(base64.b64encode(one) + b"\n" for one in proof)
    for path, data in _tiles(reader, newest.size, signed):
        yield f"log/{path}", data


def consistency_path(old: int, new: int) -> str:
    """Where the proof lies that the tree of `new` entries begins with the tree of `old` ones: a hash in base64 a line."""
    return f"log/consistency/{old}-{new}.txt"


def _public(key: str) -> Ed25519PublicKey:
    (found,) = public(key).values()
    return found


def _vkey(site: Site, key: str) -> str:
    return checkpoint.vkey(site.origin, _public(key))


def _notes(reader: Reader) -> list[tuple[int, bytes]]:
    return [(int(size), note) for size, note in log.notes(reader)]


def _tiles(reader: Reader, size: int, written: int) -> Iterator[File]:
    """As `tiles.tiles`, without the full ones below the first `written` entries. Nothing is read before it is asked for."""
    level = 0
    while count := size >> (tiles.HEIGHT * level):
        for index, width in _pieces(count, written >> (tiles.HEIGHT * level)):
            hashes = log.hashes(reader, tiles.HEIGHT * level, index * tiles.WIDTH, width)
            yield _whole(tiles.tile_path(level, index, width), hashes, width, b"".join)
        level += 1
    for index, width in _pieces(size, written):
        entries = log.lines(reader, index * tiles.WIDTH, width)
        yield _whole(tiles.bundle_path(index, width), entries, width, tiles.bundle)


def _pieces(count: int, written: int) -> Iterator[tuple[int, int]]:
    """(index, width) of the tiles that hold `count` hashes; not those that were full when there were `written`."""
    for index in range(written // tiles.WIDTH, -(-count // tiles.WIDTH)):
        yield index, min(tiles.WIDTH, count - index * tiles.WIDTH)


def _whole(path: str, parts: Sequence[bytes], width: int, joined: Any) -> File:
    if len(parts) != width:
        raise RecordInvalid(f"has {len(parts)} of {width} parts", where=path, fix="run: repro audit")
    return path, joined(parts)


def _index(reader: Reader, site: Site, heads: Sequence[Checkpoint], note: bytes, registry: RegistryFact) -> bytes:
    befores = [None, *(head.size for head in heads)]
    listed = [Head(head.size, head.root.hex(), old) for head, old in zip(heads, befores, strict=False)]
    newest = registry.key_of(heads[-1].size) if heads else registry.key
    return page(
        "log.html", "log/index.html", site, heads=listed[::-1], note=note.decode(), vkey=_vkey(site, registry.key),
        earlier=[(_vkey(site, one.key), one.until) for one in registry.earlier], entries=reader.size(),
        check=CHECK.format(base=f"{site.base_url}log/", vkey=_vkey(site, newest)),
    )  # fmt: skip


def keys(reader: Reader, site: Site, known: Public) -> Iterator[File]:
    """`api/v1/keys.json`: whose signatures the public records and acts bear. An operator stands here who has a page."""
    registry, editors = reader.need(RegistryFact), reader.need(EditorsFact)
    own: dict[str, list[models.KeyPeriod]] = {}
    for name, fact in reader.all(KeyFact).items():
        until = fact.revoked_from
        period = models.KeyPeriod(name, since_entry=fact.since, revoked=until is not None, revoked_from_entry=until)
        own.setdefault(fact.owner, []).append(period)
    value = models.Keys(
        schema="urn:repro-harness:api:v1:keys",
        registry=site.origin,
        registry_key=models.RegistryKey(
            registry.key,
            _vkey(site, registry.key),
            earlier=tuple(
                models.FormerRegistryKey(one.key, _vkey(site, one.key), until_size=one.until)
                for one in registry.earlier
            ),
        ),
        editors=models.Editors(
            editors.version,
            editors.threshold,
            expires_on=editors.expires,
            keys=tuple(
                models.EditorKey(handle, entry.key, id_of(entry.key))
                for handle, entry in sorted(editors.editors.items())
            ),
        ),
        operators=tuple(
            models.OperatorKeys(
                handle,
                fact.key,
                id_of(fact.key),
                keys=tuple(sorted(own.get(handle, []), key=lambda one: (one.since_entry, one.key_id))),
            )
            for handle, fact in known.operators.items()
        ),
    )
    yield "api/v1/keys.json", encoded(value)
