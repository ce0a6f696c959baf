"""What a witness has signed, on disk: written and synchronised before any answer, one holder at a time.

    key.pem, witness.json            its key, its name
    logs/SHA256_OF_ORIGIN.json       of each log: keys, size, root, time and note of the last tree that it signed

A file that can't be read stops the witness: what it forgot it could sign again in another way.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from harness.errors import BadInput, LogInconsistent, NotAllowed, NotFound, ReproError
from harness.files import locked, read_if_there, refusal, sync, write_bytes
from harness.record import keys as key_files
from harness.tlog import checkpoint, cosignature, witness
from harness.tlog.cosignature import Cosigner
from harness.tlog.witness import Head, Request

_LIMIT = 2 << 20  # bytes of a log's file: a note may have one MiB
_KEY, _NAME = "key.pem", "witness.json"
_WHERE = "checkpoint"
_LOOK_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Log:
    """A log that the witness knows. `keys`: verifier keys that count now; `note`: what it last signed, its own line included."""

    origin: str
    keys: tuple[str, ...]
    size: int = 0
    root: str = ""  # hexadecimal; "" before the first
    at_s: int = 0
    note: str = ""

    @property
    def head(self) -> Head:
        """The last tree that was signed."""
        return Head(self.size, bytes.fromhex(self.root)) if self.root else Head()

    @property
    def by_name(self) -> dict[str, Ed25519PublicKey]:
        """Its keys, by their names."""
        return dict(checkpoint.parse_vkey(one, self.origin) for one in self.keys)


@dataclass(slots=True)
class Witness:
    """An open witness. Safe to ask from several threads."""

    folder: Path
    name: str
    key: Ed25519PrivateKey
    now: Callable[[], float] = time.time
    look_again: Callable[[str], None] | None = (
        None  # asks the log of that origin for its key, which it may have rotated
    )
    logs: dict[str, Log] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _looked: dict[str, float] = field(default_factory=dict)  # origin → when it was asked last, by a monotonic clock

    @property
    def vkey(self) -> str:
        """What readers of its logs keep."""
        return cosignature.vkey(Cosigner(self.name, self.key.public_key()))

    def know(self, origin: str, vkey: str, follows: Callable[[str, str], bool]) -> None:
        """Sign for that log from now on, by that key. Raises `LogInconsistent` where it had another one, unless
        `follows(old, new)` shows that the log itself announced the change.
        """
        checkpoint.parse_vkey(vkey, origin)
        with self._lock:
            before = self.logs.get(origin)
            if before is not None and vkey in before.keys:
                return
            if before is not None and not any(follows(old, vkey) for old in before.keys):
                raise LogInconsistent(
                    "shows another key than this witness knows, which its log did not announce",
                    where=origin,
                    fix=f"trust neither before you know why; the witness keeps {_file(self.folder, origin)}",
                )
            self._keep(replace(before or Log(origin, ()), keys=(vkey,)))

    def cosign(self, body: bytes) -> bytes:
        """The signature line for what an `add-checkpoint` request asks. Durable on return. Raises as `witness.checked`."""
        request = witness.read(body)
        origin = witness.origin_of(request)
        try:
            return self._cosign(request, origin)
        except NotAllowed:
            if not self._may_look(origin):
                raise
        assert self.look_again is not None  # noqa: S101 - it may
        with suppress(ReproError):  # then the key stays the one that is known
            self.look_again(origin)
        return self._cosign(request, origin)

    def _may_look(self, origin: str) -> bool:
        """Whether the log may be asked for its key now: once a minute, whatever strangers send."""
        now = time.monotonic()
        with self._lock:
            if self.look_again is None or now - self._looked.get(origin, -_LOOK_EVERY_S) < _LOOK_EVERY_S:
                return False
            self._looked[origin] = now
            return True

    def _cosign(self, request: Request, origin: str) -> bytes:
        with self._lock:
            known = self.logs.get(origin)
            if known is None:
                raise NotFound("is not a log that this witness knows", where=_WHERE, fix="ask whoever runs the witness")
            text, tree = witness.checked(request, known.by_name, known.head)
            # A clock that was set back dates no larger tree before a smaller one.
            at_s = max(int(self.now()), known.at_s, 1)
            line = cosignature.line(text, self.key, self.name, at_s)
            note = (
                checkpoint.of_keys(request.note, known.by_name, origin) + line
            )  # what strangers wrote below is not shown
            self._keep(replace(known, size=tree.size, root=tree.root.hex(), at_s=at_s, note=note.decode()))
            return line

    def newest(self, digest: str) -> bytes | None:
        """The note that it last signed of the log whose origin has this sha256; None where it signed none."""
        found = next((one.note for one in self.logs.values() if _digest(one.origin) == digest), "")
        return found.encode() or None

    def _keep(self, log: Log) -> None:
        told = {name: getattr(log, name) for name in Log.__slots__}
        write_bytes(_file(self.folder, log.origin), json.dumps(told, indent=1).encode())
        self.logs[log.origin] = log


@contextmanager
def opened(folder: Path, name: str | None) -> Iterator[Witness]:
    """The witness in the folder, made where there is none; nobody else can open it meanwhile. `name`: a new one's, as
    witness.example.org/w1. Raises `BadInput`: no name, another one, damaged files, in use.
    """
    try:
        (folder / "logs").mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise refusal(error, folder) from error
    with locked(folder / "lock", "this witness runs already"):
        made = Witness(folder, *_identity(folder, name))
        for path in sorted((folder / "logs").glob("*.json")):
            log = _read(path)
            made.logs[log.origin] = log
        yield made


def _identity(folder: Path, name: str | None) -> tuple[str, Ed25519PrivateKey]:
    path = folder / _NAME
    data = read_if_there(path, key_files.FILE_LIMIT, "the witness's name")
    if data is None:
        if not name:
            raise BadInput(
                "a new witness needs a name",
                where="--name",
                fix="name it once, for ever: --name witness.example.org/w1",
            )
        if list((folder / "logs").glob("*.json")):
            raise BadInput("has signed logs, and its name is gone", where=str(path), fix="restore your backup")
        return _made(folder, name)
    try:
        told = json.loads(data)
        own, vkey = str(told["name"]), str(told["key"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(f"can't be read ({error})", where=str(path), fix="restore your backup") from error
    if name and name != own:
        raise BadInput(
            f"this witness is called {own}", where="--name", fix="leave --name out, or name another folder: --state"
        )
    key = key_files.load(folder / _KEY, None)
    if cosignature.vkey(Cosigner(own, key.public_key())) != vkey:
        raise BadInput("is not of the key beside it", where=str(path), fix="restore your backup")
    return own, key


def _made(folder: Path, name: str) -> tuple[str, Ed25519PrivateKey]:
    key = Ed25519PrivateKey.generate()
    vkey = cosignature.vkey(Cosigner(name, key.public_key()))  # refuses what can't be a name
    try:
        key_files.save(folder / _KEY, key, None)
        sync(folder)
    except OSError as error:
        raise refusal(error, folder) from error
    write_bytes(folder / _NAME, json.dumps({"name": name, "key": vkey}, indent=1).encode())
    return name, key


def _read(path: Path) -> Log:
    data = read_if_there(path, _LIMIT, "the state of a log") or b""
    try:
        told: Mapping[str, object] = json.loads(data)
        keys, size, at_s = told["keys"], told["size"], told["at_s"]
        if (
            not isinstance(keys, list)
            or type(size) is not int
            or type(at_s) is not int
            or set(told) != set(Log.__slots__)
        ):
            raise ValueError("it must have keys, size, root, time and note")
        found = Log(str(told["origin"]), tuple(map(str, keys)), size, str(told["root"]), at_s, str(told["note"]))
        if (
            path.name != f"{_digest(found.origin)}.json"
            or len(found.head.root) != 32
            or found.size < 0
            or not found.by_name
        ):
            raise ValueError("it is of another log, or lacks its key")
    except (ValueError, KeyError, TypeError, BadInput, RecursionError) as error:
        raise BadInput(
            f"can't be read ({error})", where=str(path), fix="restore the newest copy; an older one could sign a fork"
        ) from error
    return found


def _file(folder: Path, origin: str) -> Path:
    return folder / "logs" / f"{_digest(origin)}.json"


def _digest(origin: str) -> str:
    return sha256(origin.encode()).hexdigest()
