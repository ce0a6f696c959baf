"""What all rules share: facts, the view of them, and who signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from harness.errors import BadInput, Conflict, NotAllowed, NotFound
from harness.names import says_something
from harness.record import keys
from harness.record.passkey import is_passkey, parse_key
from harness.registry.facts import EditorKeys, EditorsFact, F, KeyFact, LastActFact, Named, OperatorFact, is_day
from harness.registry.rules.turning import thing
from harness.tlog.event import HEX, Event


class View(Protocol):
    """What is known so far: a store's tables, or plain dictionaries."""

    def get(self, kind: type[F], name: str) -> F | None:
        """The newest fact of that kind and name."""

    def records_by_key(self, key: str, since: int) -> list[str]:
        """Ids of the records that this key signed, submitted at entry `since` or later."""

    def of_triple(self, triple: str) -> list[str]:
        """Ids of all records of a subject and device, sorted; `triple`: the digests of both, one after the other."""

    def accepted_in(self, row: str) -> list[str]:
        """Ids of the accepted records of a row, its own among them, sorted."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the log an event stands."""

    index: int
    at: str


@dataclass(frozen=True, slots=True)
class Signed:
    """Ids of the keys whose signatures over the event hold."""

    keys: frozenset[str]

    def by(self, key: str) -> bool:
        """Whether the key (as a list of editors holds it) is among them."""
        return id_of(key) in self.keys


def public(*texts: str) -> dict[str, Ed25519PublicKey]:
    """Ed25519 public keys by id. Raises `BadInput` for anything else."""
    try:
        return keys.by_id(*texts)
    except ValueError as error:
        raise BadInput(f"names a key that is not valid ({error})", where="event") from None


def id_of(key: str) -> str:
    """The id of a public key, an editor's passkey or one of Ed25519 in hexadecimal. Raises `BadInput` for anything else."""
    if not is_passkey(key):
        return file_key_id(key)
    try:
        return parse_key(key).id
    except ValueError as error:
        raise BadInput(f"names a key that is not valid ({error})", where="event") from None


def file_key_id(key: str) -> str:
    """The id of an Ed25519 public key in hexadecimal, as operators, rigs and registries have. Raises `BadInput`."""
    return next(iter(public(key)))


def reasoned(event: Event) -> None:
    """Raises `BadInput` where an editor's act gives no reason."""
    refuse_unless(says_something(event.reason), "an editor's act needs a reason", "reason", "add --reason")


def known(view: View, kind: type[F], name: str) -> F:
    """The fact. Raises `BadInput` where there is none."""
    found = view.get(kind, name)
    if found is None:
        raise NotFound(f"the registry knows no {kind.KIND} {name[:64]!r}", where=kind.KIND, fix="check the name")
    return found


def refuse_unless(good: bool, what: str, where: str = "event", fix: str = "", kind: type[BadInput] = BadInput) -> None:
    """Raises `BadInput`, or a kind of it, with `what`."""
    if not good:
        raise kind(what, where=where, fix=fix)


def newest(event: Event, place: Place, view: View) -> Named:
    """That this act is the newest about its thing: one that was put aside counts no more after another. Raises `Conflict`."""
    name = thing(event)
    last = view.get(LastActFact, name)
    refuse_unless(
        last is None or event.after > last.entry,
        f"was signed before what entry {0 if last is None else last.entry} says of it",
        name.partition(" ")[2][:12],
        "read it again, and sign again",
        Conflict,
    )
    return name, LastActFact(place.index)


def operator_of(view: View, handle: str, signed: Signed) -> OperatorFact:
    """The operator who must have signed, with a key that is not revoked. Raises `BadInput`."""
    operator = known(view, OperatorFact, handle)
    key = id_of(operator.key)
    entry = view.get(KeyFact, key)
    refuse_unless(
        entry is None or entry.revoked_from is None,
        f"the key of {handle} is revoked",
        "operator",
        "rotate to the next one: repro keys rotate",
        NotAllowed,
    )
    refuse_unless(
        key in signed.keys,
        f"is not signed by the key of {handle} that the registry knows",
        "signature",
        "sign with that key",
        NotAllowed,
    )
    return operator


def editors_in(document: EditorsFact, signed: Signed) -> set[str]:
    """Handles of the document's editors who signed."""
    return {handle for handle, entry in document.editors.items() if signed.by(entry.key)}


def editor_of(view: View, event: Event, signed: Signed, place: Place) -> EditorsFact:
    """The editors' document, where the event's author is one of them, signed, and gave a reason. Raises `BadInput`."""
    handle = event.by
    document = known(view, EditorsFact, "")
    refuse_unless(
        handle in document.editors,
        f"{handle} is not an editor of this registry",
        "editor",
        "only editors decide; ask one of them",
        NotAllowed,
    )
    refuse_unless(
        handle in editors_in(document, signed),
        f"is not signed by the editor's key of {handle}",
        "signature",
        "sign with it",
        NotAllowed,
    )
    refuse_unless(
        place.at[:10] <= document.expires,
        f"the list of editors expired on {document.expires}",
        "editors",
        "renew it: repro registry editors",
    )
    reasoned(event)
    return document


def document_of(value: Mapping[str, Any]) -> EditorsFact:
    """A list of editors, checked: version, threshold, expiry, and of each the key and the digest of the next. `BadInput`."""
    where = "editors"
    refuse_unless(
        set(value) == {"version", "threshold", "expires", "editors"}, "lacks a field or has one too many", where
    )
    editors = value["editors"]
    refuse_unless(isinstance(editors, dict) and 1 <= len(editors) <= 100, "must name 1 to 100 editors", where)
    for name in ("version", "threshold"):
        refuse_unless(type(value[name]) is int and value[name] >= 1, f"its {name} must be a number from 1", where)
    refuse_unless(
        value["threshold"] <= len(editors),
        f"its threshold, {value['threshold']}, is more than its editors ({len(editors)})",
        where,
    )
    day = value["expires"]
    refuse_unless(isinstance(day, str) and is_day(day), "its expiry must be a day", where, "write YYYY-MM-DD")
    used: set[str] = set()
    found: dict[str, EditorKeys] = {}
    for handle, entry in editors.items():
        good = keys.HANDLE.fullmatch(handle) is not None and isinstance(entry, dict)
        good = good and set(entry) == {"key", "next_key_sha256"} and all(isinstance(v, str) for v in entry.values())
        refuse_unless(
            good and HEX.fullmatch(entry["next_key_sha256"]) is not None, f"its editor {handle!r} is malformed", where
        )
        key = id_of(entry["key"])
        refuse_unless(entry["next_key_sha256"] != key, f"the next key of {handle} is the present one", where)
        refuse_unless(key not in used, "names one key for two editors", where)
        used.add(key)
        found[handle] = EditorKeys(entry["key"], entry["next_key_sha256"])
    return EditorsFact(found, day, value["threshold"], value["version"])
