"""The keys of an editor, and of a registry: beside the operator's in one folder, and never in its stead: roles do not mix."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import BadInput
from harness.files import read_if_there, refusal, write_bytes
from harness.record.envelope import key_id
from harness.record.keys import FILE_LIMIT, HANDLE, by_id, load, save
from harness.record.passkey import is_passkey, parse_key

EDITOR, NEXT, PUBLIC = "editor.pem", "editor-next.pem", "editor.json"


@dataclass(frozen=True, slots=True)
class PublicEditor:
    """What a registry's list of editors holds of one: handle, key (hexadecimal, or a passkey's text), digest of the next one."""

    handle: str
    key: str
    next_key_sha256: str

    def to_json(self) -> str:
        """The public file."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__}, indent=1)

    def entry(self) -> dict[str, str]:
        """As the list of editors holds it."""
        return {"key": self.key, "next_key_sha256": self.next_key_sha256}


@dataclass(frozen=True, slots=True)
class EditorSigners:
    """The private key, open."""

    public: PublicEditor
    key: Ed25519PrivateKey


def create(place: Path, handle: str, passphrase: str | None) -> PublicEditor:
    """Make an editor's keys. Raises `BadInput` for a bad handle, and where there are keys already."""
    if HANDLE.fullmatch(handle) is None:
        raise BadInput(f"{handle!r} must be a handle", where="--handle", fix="2 to 32 of a-z, 0-9, dash and underscore")
    if (place / PUBLIC).exists():
        raise BadInput(
            "there are an editor's keys already", where=str(place), fix="keep them: the registry knows you by them"
        )
    key, following = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    made = PublicEditor(handle, key.public_key().public_bytes_raw().hex(), key_id(following.public_key()))
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        save(place / EDITOR, key, passphrase)
        save(place / NEXT, following, passphrase)
        write_bytes(place / PUBLIC, made.to_json().encode())
    except OSError as error:
        raise refusal(error, place) from error
    return made


def parse(text: str, where: str) -> PublicEditor:
    """A public file. Raises `BadInput`."""
    try:
        data = json.loads(text)
        found = PublicEditor(**{name: str(data[name]) for name in PublicEditor.__slots__})
        if is_passkey(found.key):
            parse_key(found.key)
        else:
            by_id(found.key)
        if HANDLE.fullmatch(found.handle) is None or len(bytes.fromhex(found.next_key_sha256)) != 32:
            raise ValueError("its handle or digest is not valid")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(
            f"must be an editor's public file ({error})",
            where=where,
            fix="take what repro keys new --role editor prints, or a console after a registration",
        ) from error
    return found


def public(place: Path) -> PublicEditor | None:
    """The public part; None where no editor's keys were made. Raises `BadInput` for a damaged file."""
    path = place / PUBLIC
    data = read_if_there(path, FILE_LIMIT, "the editor's public file")
    return None if data is None else parse(data.decode(errors="replace"), str(path))


def unlock(place: Path, passphrase: str | None) -> EditorSigners:
    """The editor's open key. Raises `BadInput`: none made, a wrong passphrase, a file that others can read."""
    found = public(place)
    if found is None:
        raise BadInput(
            "there are no editor's keys", where=str(place), fix="run: repro keys new --role editor --handle NAME"
        )
    key = load(place / EDITOR, passphrase)
    if key.public_key().public_bytes_raw().hex() != found.key:
        raise BadInput("the public file is not that of the private key", where=str(place), fix="restore your backup")
    return EditorSigners(found, key)


def registry_key(place: Path, origin: str, *, make: bool) -> Ed25519PrivateKey:
    """The key of a registry that is kept on this machine. Raises `BadInput` where it is not, unless it is to be made."""
    path = place / "registries" / f"{sha256(origin.encode()).hexdigest()[:16]}.pem"
    if not path.exists():
        if not make:
            raise BadInput(
                f"the key of the registry {origin} is not kept here", where=str(path), fix="do this where it is kept"
            )
        key = Ed25519PrivateKey.generate()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            save(path, key, None)
        except OSError as error:
            raise refusal(error, path) from error
    return load(path, None)
