"""The keys of an operator and of this machine, in the user's configuration folder: PEM files that only the user can read.

Two roles: the *operator's* key stands for a handle, the *rig's* for a machine. A record is signed by both. Beside the operator's
key lies the next one, whose digest the public part already names: whoever steals a key can't rotate it.
"""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass
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
from harness.files import refusal, write_bytes
from harness.record.envelope import key_id

HANDLE = re.compile(r"[a-z0-9][a-z0-9_-]{1,31}")
OPERATOR, NEXT, RIG, PUBLIC = "operator.pem", "operator-next.pem", "rig.pem", "operator.json"


def folder() -> Path:
    """`$XDG_CONFIG_HOME/repro-harness/keys`, or below `~/.config`."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    root = Path(home) if home and Path(home).is_absolute() else Path.home() / ".config"
    return root / "repro-harness" / "keys"


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
    found = [Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)) for key in keys]
    return {key_id(key): key for key in found}


@dataclass(frozen=True, slots=True)
class Signers:
    """The private keys, open."""

    public: PublicKeys
    operator: Ed25519PrivateKey
    rig: Ed25519PrivateKey


def create(place: Path, handle: str, passphrase: str | None) -> PublicKeys:
    """Make the keys of a new operator. Raises `BadInput` for a bad handle, and where there are keys already."""
    if HANDLE.fullmatch(handle) is None:
        raise BadInput(
            f"{handle!r} is no handle",
            where="--handle",
            fix="2 to 32 of a-z, 0-9, dash and underscore; no real name is needed",
        )
    if (place / PUBLIC).exists():
        raise BadInput("there are keys already", where=str(place), fix="keep them: a lost key is a lost handle")
    operator, following = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    rig = _load(place / RIG, None) if (place / RIG).exists() else Ed25519PrivateKey.generate()
    public = PublicKeys(
        handle,
        operator.public_key().public_bytes_raw().hex(),
        key_id(following.public_key()),
        rig.public_key().public_bytes_raw().hex(),
    )
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        _save(place / OPERATOR, operator, passphrase)
        _save(place / NEXT, following, passphrase)
        _save(place / RIG, rig, None)  # the machine's: a nightly run has nobody to ask
        write_bytes(place / PUBLIC, public.to_json().encode())  # last: without it there are no keys
    except OSError as error:
        raise refusal(error, place) from error
    return public


def public(place: Path) -> PublicKeys | None:
    """The public part; None where no keys were made. Raises `BadInput` for a damaged file."""
    path = place / PUBLIC
    try:
        return parse_public(path.read_text(), str(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror})", where=str(path), fix="check its permissions") from error


def parse_public(text: str, where: str) -> PublicKeys:
    """A public file. Raises `BadInput`."""
    try:
        data = json.loads(text)
        found = PublicKeys(**{name: str(data[name]) for name in PublicKeys.__slots__})
        if HANDLE.fullmatch(found.handle) is None or len(bytes.fromhex(found.next_key_sha256)) != 32:
            raise ValueError("its handle or digest is none")
        found.keys()
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(
            f"is no public key file ({error})", where=where, fix="take what `repro keys show` prints"
        ) from None
    return found


def unlock(place: Path, passphrase: str | None) -> Signers | None:
    """The private keys; None where no keys were made. Raises `BadInput`: wrong passphrase, or a file that others can read."""
    found = public(place)
    if found is None:
        return None
    signers = Signers(found, _load(place / OPERATOR, passphrase), _load(place / RIG, None))
    if set(found.keys()) != {key_id(key.public_key()) for key in (signers.operator, signers.rig)}:
        raise BadInput("the public file is not that of the private keys", where=str(place), fix="restore your backup")
    return signers


def locked(place: Path) -> bool:
    """Whether the operator's key asks for a passphrase."""
    try:
        return b"ENCRYPTED" in (place / OPERATOR).read_bytes()[:60]
    except OSError:
        return False


def _save(path: Path, key: Ed25519PrivateKey, passphrase: str | None) -> None:
    how: KeySerializationEncryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)
    # Made with its mode, never opened wider first.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _load(path: Path, passphrase: str | None) -> Ed25519PrivateKey:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_bytes()
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
