"""The keys of an operator and of this machine, in the user's configuration folder: PEM files that only the user can read.

Two roles: the *operator's* key stands for a handle, the *rig's* for a machine. A record is signed by both. Beside the operator's
key lies the next one, whose digest the public part already names: whoever steals a key can't rotate it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from harness.errors import BadInput
from harness.files import read_if_there, read_limited, refusal, sync, sync_descriptor, write_bytes
from harness.record import ed25519
from harness.record.envelope import key_id

HANDLE = re.compile(r"[a-z0-9][a-z0-9_-]{1,31}")
FILE_LIMIT = 64 << 10  # of a key, public or private, in bytes
OPERATOR, NEXT, RIG, PUBLIC = "operator.pem", "operator-next.pem", "rig.pem", "operator.json"


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """What others need: the handle, its key, the digest of the next one, and the machine's key; hexadecimal."""

    handle: str
    operator_key: str
    next_key_sha256: str
    rig_key: str

    def to_json(self) -> str:
        """The public file, which may be given to anybody."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__}, indent=1)

    def keys(self) -> dict[str, Ed25519PublicKey]:
        """By their ids."""
        return by_id(self.operator_key, self.rig_key)


def by_id(*keys: str) -> dict[str, Ed25519PublicKey]:
    """Public keys by their ids. Raises `ValueError` for what is none."""
    return dict(_public_key(key) for key in keys)


@lru_cache(maxsize=16384)
def _public_key(text: str) -> tuple[str, Ed25519PublicKey]:
    key = ed25519.public_key(bytes.fromhex(text))
    return key_id(key), key


@dataclass(frozen=True, slots=True)
class Signers:
    """The private keys, open."""

    public: PublicKeys
    operator: Ed25519PrivateKey
    rig: Ed25519PrivateKey
    place: Path  # the folder that they came from

    @property
    def keys(self) -> tuple[Ed25519PrivateKey, ...]:
        """All that sign a record here."""
        return self.operator, self.rig


@dataclass(frozen=True, slots=True)
class RigSigner:
    """A machine's key without its operator's: what it signs lacks the operator's signature, and counts for nobody yet."""

    public: PublicKeys
    rig: Ed25519PrivateKey
    place: Path  # the folder of the key, and of the machine's count of runs

    @property
    def keys(self) -> tuple[Ed25519PrivateKey, ...]:
        """All that sign a record here."""
        return (self.rig,)


def rig_signer(place: Path, handle: str, operator_key: str, next_key_sha256: str) -> RigSigner:
    """The machine's key, made at the first call, for records of the operator whose public keys are given. Raises `BadInput`."""
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (place / RIG).exists():
            save(place / RIG, Ed25519PrivateKey.generate(), None)
    except OSError as error:
        raise refusal(error, place) from error
    rig = load(place / RIG, None)
    public = PublicKeys(handle, operator_key, next_key_sha256, rig.public_key().public_bytes_raw().hex())
    return RigSigner(public, rig, place)


def create(place: Path, handle: str, passphrase: str | None) -> PublicKeys:
    """Make the keys of a new operator. Raises `BadInput` for a bad handle, and where there are keys already."""
    if HANDLE.fullmatch(handle) is None:
        raise BadInput(
            f"{handle!r} must be a handle",
            where="--handle",
            fix="2 to 32 of a-z, 0-9, dash and underscore; no real name is needed",
        )
    if (place / PUBLIC).exists():
        raise BadInput("there are keys already", where=str(place), fix="keep them: a lost key is a lost handle")
    operator, following = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    rig = load(place / RIG, None) if (place / RIG).exists() else Ed25519PrivateKey.generate()
    public = PublicKeys(
        handle,
        operator.public_key().public_bytes_raw().hex(),
        key_id(following.public_key()),
        rig.public_key().public_bytes_raw().hex(),
    )
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        save(place / OPERATOR, operator, passphrase)
        save(place / NEXT, following, passphrase)
        save(place / RIG, rig, None)  # the machine's: a nightly run has nobody to ask
        write_bytes(place / PUBLIC, public.to_json().encode())  # last: without it there are no keys
    except OSError as error:
        raise refusal(error, place) from error
    return public


def rotate(place: Path, passphrase: str | None) -> PublicKeys:
    """The announced next key takes over, and a new one is announced. The keys of before stay in a folder beside.

    Raises `BadInput`: no keys, or a wrong passphrase.
    """
    found = unlock(place, passphrase)
    if found is None:
        raise BadInput("there are no keys yet", where=str(place), fix="run: repro keys new --handle NAME")
    operator, following = load(place / NEXT, passphrase), Ed25519PrivateKey.generate()
    if key_id(operator.public_key()) != found.public.next_key_sha256:
        raise BadInput("the next key is not the announced one", where=str(place / NEXT), fix="restore your backup")
    made = PublicKeys(
        found.public.handle,
        operator.public_key().public_bytes_raw().hex(),
        key_id(following.public_key()),
        found.public.rig_key,
    )
    before = place.with_name(f"{place.name}-before-{key_id(operator.public_key())[:8]}")
    scratch = place.with_name(f"{place.name}-rotating")
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(place, scratch)
        save(scratch / OPERATOR, operator, passphrase)
        save(scratch / NEXT, following, passphrase)
        write_bytes(scratch / PUBLIC, made.to_json().encode())
        place.rename(before)
        scratch.rename(place)
        sync(place.parent)
    except OSError as error:
        raise refusal(error, place) from error
    return made


def public(place: Path) -> PublicKeys | None:
    """The public part; None where no keys were made. Raises `BadInput` for a damaged file."""
    path = place / PUBLIC
    data = read_if_there(path, FILE_LIMIT, "the public file")
    return None if data is None else parse_public(data.decode(errors="replace"), str(path))


def parse_public(text: str, where: str) -> PublicKeys:
    """A public file. Raises `BadInput`."""
    try:
        data = json.loads(text)
        found = PublicKeys(**{name: str(data[name]) for name in PublicKeys.__slots__})
        if HANDLE.fullmatch(found.handle) is None or len(bytes.fromhex(found.next_key_sha256)) != 32:
            raise ValueError("its handle or digest is not valid")
        found.keys()
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(
            f"must be a public key file ({error})", where=where, fix="take what `repro keys show` prints"
        ) from None
    return found


def unlock(place: Path, passphrase: str | None) -> Signers | None:
    """The private keys; None where no keys were made. Raises `BadInput`: wrong passphrase, or a file that others can read."""
    found = public(place)
    if found is None:
        return None
    signers = Signers(found, load(place / OPERATOR, passphrase), load(place / RIG, None), place)
    if set(found.keys()) != {key_id(key.public_key()) for key in (signers.operator, signers.rig)}:
        raise BadInput("the public file is not that of the private keys", where=str(place), fix="restore your backup")
    return signers


def locked(path: Path) -> bool:
    """Whether the private key in a file asks for a passphrase."""
    try:
        return b"ENCRYPTED" in (read_if_there(path, FILE_LIMIT, "the key") or b"")[:60]
    except BadInput:
        return False


def save(path: Path, key: Ed25519PrivateKey, passphrase: str | None) -> None:
    """Write a private key that only the user can read; durable. Raises `OSError`."""
    how: KeySerializationEncryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)
    # Made with its mode, never opened wider first.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        sync_descriptor(file.fileno())


def load(path: Path, passphrase: str | None) -> Ed25519PrivateKey:
    """The private key in a file. Raises `BadInput`: not there, readable by others, another passphrase or kind."""
    text = read_limited(path, FILE_LIMIT, "the key")
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror})", where=str(path), fix="restore your backup") from error
    if mode & 0o077:
        raise BadInput(f"others can read it (mode {mode:o})", where=str(path), fix=f"chmod 600 {path}")
    try:
        key = load_pem_private_key(text, passphrase.encode() if passphrase else None)
    except (ValueError, TypeError) as error:
        raise BadInput(
            f"can't be opened ({error})", where=str(path), fix="check the passphrase (REPRO_PASSPHRASE)"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput("holds another kind of key", where=str(path), fix="restore your backup")
    return key
