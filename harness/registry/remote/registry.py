"""A registry behind a URL, where commands open one: it reads and appends through its service."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import NotAllowed, NotFound, RecordInvalid, ReproError
from harness.record import envelope
from harness.registry.db.databases import Engine
from harness.registry.db.elsewhere import Nowhere
from harness.registry.db.reader import Reader
from harness.registry.db.transaction import Item, Taken
from harness.registry.exchange import last_seen
from harness.registry.remote import log_key, receipts
from harness.registry.remote.address import address
from harness.registry.remote.client import Client
from harness.registry.remote.leases import Leases
from harness.registry.remote.reader import RemoteReader, Signer
from harness.registry.store import Registry, Room
from harness.tlog import checkpoint, merkle
from harness.tlog import event as events
from harness.tlog.checkpoint import Checkpoint, parse_vkey
from harness.tlog.event import HEX, is_time
from harness.tlog.origin import ORIGIN

MOST_HASHES = 128  # of a proof that one log continues another


class Remote(Registry):
    """Asked over HTTP. Its log is compared with what was seen of it before, as every registry's."""

    elsewhere = True

    def __init__(self, place: str, signer: Signer, seen: Path) -> None:
        super().__init__(cast(Engine, Nowhere(place)), place)
        self._client, self._signer, self._seen = Client(address(place)), signer, seen
        self._vkey = ""
        self.answers: dict[str, Mapping[str, Any]] = {}  # subject of an event → what the service answered to it
        try:
            self._about: dict[str, Any] | None = self._look()
        except BaseException:
            self._client.close()
            raise

    @property
    def in_memory(self) -> bool:
        """It lies elsewhere."""
        return False

    @property
    def file(self) -> Path | None:
        """None of this machine's."""
        return None

    def close(self) -> None:
        """Give up the connection."""
        self._client.close()

    @contextmanager
    def reading(self, *, closed: bool = True) -> Iterator[Reader]:
        """What the service says now."""
        about, self._about = self._about or self._look(), None
        yield RemoteReader(self._client, about, self._signer)

    def append(self, items: Sequence[Item], now: str, room: Room | None = None) -> list[Taken | ReproError]:
        """One after the other; of each its entry, or why not. Whether there is `room` its service says."""
        found: list[Taken | ReproError] = []
        for item in items:
            try:
                found.append(self._bring(item))
            except ReproError as error:
                found.append(error)
        return found

    def append_all(self, items: Sequence[Item], now: str) -> list[Taken]:
        """One after the other: each is there with its receipt before the next is sent. Raises at the first that may not be."""
        return [self._bring(item) for item in items]

    def challenge(self) -> tuple[str, str]:
        """A new one for the operator whose keys are here: number, UTC time of its end."""
        key = self._signer(True)
        if key is None:
            raise RecordInvalid("needs an operator's keys", where="keys", fix="run: repro keys new --handle NAME")
        found = self._client.post_signed("/v1/challenges", key)
        number, end = str(found.get("challenge")), str(found.get("expires"))
        if HEX.fullmatch(number) is None or not is_time(end):
            raise RecordInvalid(
                "answers something that is not a challenge", where=self._client.base, fix="check the address"
            )
        return number, end

    def leases(self, key: Ed25519PrivateKey) -> Leases:
        """Calls about leases, by this key."""
        return Leases(self._client, key)

    def proof(self, prefix: str) -> bytes:
        """The receipt's file of the record whose id begins so: a public one, or the asker's own. Raises `NotFound`."""
        path = f"/v1/records/{prefix}/receipt"
        keys = [None, *(key for key in (self._signer(True), self._signer(False)) if key is not None)]
        for key in keys:
            try:
                answer = self._client.get(path, key=key)
            except NotAllowed:
                continue
            except NotFound:
                if key is keys[-1]:
                    raise
                continue
            found = receipts.held(answer, f"the receipt of {prefix}", self._vkey)
            if not found.event.subject.startswith(prefix):
                raise RecordInvalid("is of another record", where=f"the receipt of {prefix}", fix="trust neither")
            about = self._look()  # the newest checkpoint, and so the proof, may be of fewer entries than the log has
            if not self._grew(found.tree, Checkpoint(found.registry, _count(about["size"]), _hash(about["root"]))):
                raise RecordInvalid("is of another log", where=f"the receipt of {prefix}", fix="trust neither")
            return receipts.text(answer)
        raise NotFound("no public record, and none of yours, has an id that begins so", where=prefix)

    def page(self, name: str, subject: str) -> str:
        """The address of a page that the service named in its answer; "" where it named none."""
        found = self.answers.get(subject, {}).get(name)
        if not isinstance(found, str) or not found.startswith(("/", "https://", "http://")):
            return ""
        return f"{self._client.base}{found}" if found.startswith("/") else found

    def place(self, subject: str) -> list[str]:
        """Where a record that was brought falls, in the service's words."""
        found = self.answers.get(subject, {}).get("place")
        lines = found.get("lines") if isinstance(found, dict) else None
        return [str(one) for one in lines] if isinstance(lines, list) else []

    def keep_receipt(self, subject: str, folder: Path) -> Path:
        """Beside a record that was brought."""
        answer = self.answers[subject]
        return receipts.keep(folder, answer, str(answer["receipt"]["registry"]))

    def _bring(self, item: Item) -> Taken:
        parts = {"event": item.envelope}
        brought = item.submission or item.failure
        if brought is not None:
            parts |= {"record": brought.envelope, "samples": brought.samples}
        if item.note is not None:
            parts["device_note"] = item.note
        payload = envelope.read(item.envelope, "event").payload
        own = events.read(payload, "event")
        answer = self._client.post("/v1/events" + ("?place=1" if brought is not None else ""), parts)
        found = receipts.held(answer, f"the receipt of {own.kind}", self._vkey)
        same = (found.event.kind, found.event.by, found.event.subject) == (own.kind, own.by, own.subject)
        if not same or (found.new and found.entry.event_sha256 != sha256(payload).hexdigest()):
            raise RecordInvalid(
                "is of another event than was sent", where=f"the receipt of {own.kind}", fix="trust neither"
            )
        self.answers[own.subject] = answer
        self._about = None
        self._remember(found.tree)
        return Taken(found.entry, found.event)

    def _look(self) -> dict[str, Any]:
        about = self._client.get("/v1/registry")
        where = self._client.base
        try:
            name, key = parse_vkey(str(about["vkey"]), where)
            if ORIGIN.fullmatch(name) is None:
                raise ValueError(f"the origin {name[:40]!r}")
            size, signed, root = _count(about["size"]), _count(about["signed"]), _hash(about["root"])
            note, demonstration = str(about["checkpoint"]).encode(), bool(about["demonstration"])
        except (KeyError, TypeError, ValueError) as error:
            raise RecordInvalid(
                f"answers what no registry answers ({type(error).__name__}: {error})",
                where=where,
                fix="check the address",
            ) from None
        if self._vkey and about["vkey"] != self._vkey:
            raise RecordInvalid("shows another key than a moment ago", where=where, fix="trust neither")
        tree = Checkpoint(name, size, root)
        if signed:
            told = checkpoint.read(note, {name: key}, where)
            if told.size != signed or told.origin != name or not self._grew(told, tree):
                raise RecordInvalid("shows another log than the one that it signed", where=where, fix="trust neither")
        self._vkey, self._client.origin = str(about["vkey"]), name
        self._demonstration, self._signed = demonstration, signed
        self._remember(tree)
        return about

    def _grew(self, old: Checkpoint, new: Checkpoint) -> bool:
        return merkle.verify_consistency(old.size, new.size, old.root, new.root, self._path(old.size, new.size))

    def _path(self, old: int, size: int) -> list[bytes]:
        if old in (0, size):
            return []
        found = self._client.get("/v1/consistency", old=old, size=size).get("hashes")
        try:
            return [bytes.fromhex(one) for one in (found or [])[:MOST_HASHES]]
        except (TypeError, ValueError, KeyError):
            return []

    def _remember(self, tree: Checkpoint) -> None:
        """A demonstration's keys are anybody's, and each one that is served begins anew: it has no past to hold it to."""
        if self._demonstration and not last_seen.real(tree.origin, self._seen):
            return
        seen = last_seen.Seen(tree.origin, tree.size, tree.root, max(self._signed, 0), self._vkey)
        last_seen.compare(
            seen, lambda old: self._path(old, tree.size), self._client.base, self._seen, self._follows(tree)
        )

    def _follows(self, tree: Checkpoint) -> Callable[[str, str], bool]:
        """Whether this log announced a change of its key: in a tree that the key before had signed, and that grew to this one."""

        def follows(old: str, new: str) -> bool:
            trees = log_key.followed(log_key.told_changes(self._client), old, new)
            return trees is not None and all(self._grew(one, tree) for one in trees)

        return follows


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("must be a count")
    return value


def _hash(value: Any) -> bytes:
    if not isinstance(value, str) or HEX.fullmatch(value) is None:
        raise ValueError("must be a hash")
    return bytes.fromhex(value)


def opened(place: str, signer: Signer, seen: Callable[[], Path] = last_seen.folder) -> Remote:
    """The registry at a URL. Raises `BadInput`: malformed, not reached; `LogInconsistent`: it forgot history."""
    return Remote(place, signer, seen())
