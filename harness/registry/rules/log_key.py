"""The key that signs the log's checkpoints: editors announce its successor, which then takes over by signing for itself. Pure."""

from __future__ import annotations

from dataclasses import replace

from harness.registry.facts import EditorsFact, FormerKey, KeyFact, Named, RegistryFact
from harness.registry.rules.base import Place, Signed, View, editor_of, editors_in, id_of, known, public, refuse_unless
from harness.tlog.event import HEX, Event

WHERE = "registry key"


def announced(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """The digest of the key that may take over: the editors' threshold signs. A later announcement stands in its place."""
    document, registry = editor_of(view, event, signed, place), known(view, RegistryFact, "")
    following = event.detail["next_key_sha256"]
    refuse_unless(
        len(editors_in(document, signed)) >= document.threshold,
        "too few editors signed",
        "signature",
        "pass it round: repro registry key announce … --out FILE, repro registry cosign FILE, repro registry apply FILE",
    )
    refuse_unless(HEX.fullmatch(following) is not None, "must be a sha256", WHERE)
    refuse_unless(following != id_of(registry.key), "the next key is the present one", WHERE, "make another")
    refuse_unless(event.subject == registry.origin, "names another registry", WHERE)
    _unused(following, view)
    before = registry.announced
    refuse_unless(
        before is None or event.after > before,
        f"was signed before what entry {before} announced",
        WHERE,
        "announce it again",
    )
    return [("", replace(registry, next_key_sha256=following, announced=place.index))]


def rotated(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """The announced key takes over, and signs trees from this entry on. The old one need not sign: it may be lost or stolen."""
    registry, text = known(view, RegistryFact, ""), event.detail["registry_key"]
    key = next(iter(public(text)))  # a key file, never a passkey
    since = registry.announced
    refuse_unless(
        since is not None and key == registry.next_key_sha256,
        "the key is not the one that was announced",
        WHERE,
        "announce it first: repro registry key announce",
    )
    refuse_unless(key in signed.keys, "is not signed by the key that it brings", "signature")
    refuse_unless(event.subject == registry.origin, "names another registry", WHERE)
    refuse_unless(
        since is not None and event.after > since, "was signed before it was announced", WHERE, "sign it again"
    )
    _unused(key, view)
    former = FormerKey(registry.key, place.index, since or 0)
    made = replace(registry, key=text, next_key_sha256=None, announced=None, earlier=(*registry.earlier, former))
    return [("", made)]


def _unused(key: str, view: View) -> None:
    """No operator's, no editor's, and no earlier one of this registry."""
    editors = {id_of(entry.key) for entry in known(view, EditorsFact, "").editors.values()}
    earlier = {id_of(one.key) for one in known(view, RegistryFact, "").earlier}
    refuse_unless(
        view.get(KeyFact, key) is None and key not in editors | earlier,
        "the key was another one's, or was used before",
        WHERE,
        "make keys of their own",
    )


RULES = {"registry-key-announced": announced, "registry-key-rotated": rotated}
