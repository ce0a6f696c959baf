"""The registry itself, its editors and policies; operators, their keys, and what editors say of them."""

from __future__ import annotations

from dataclasses import replace

from harness.errors import Conflict, NotAllowed
from harness.record.passkey import is_passkey
from harness.registry.facts import (
    EditorsFact,
    KeyFact,
    Named,
    OperatorFact,
    PolicyFact,
    RegistryFact,
    SkeletonFact,
    TieFact,
)
from harness.registry.rules import handles
from harness.registry.rules.base import (
    Place,
    Signed,
    View,
    document_of,
    editor_of,
    editors_in,
    file_key_id,
    id_of,
    known,
    newest,
    public,
    reasoned,
    refuse_unless,
)
from harness.tlog.event import HEX, Event


def registry_created(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """The first entry of any log; its editors sign it, as many as their threshold says."""
    refuse_unless(place.index == 0, "a registry is created once", "log")
    detail = event.detail
    document = document_of(detail["editors"])
    refuse_unless(document.version == 1, "the first list of editors has version 1", "editors")
    refuse_unless(len(editors_in(document, signed)) >= document.threshold, "too few of its editors signed", "signature")
    public(detail["registry_key"])
    refuse_unless(
        not any(is_passkey(entry.key) for entry in document.editors.values()),
        "its first editors must have key files",
        "editors",
        "passkeys come after: repro registry passkeys, repro registry editors --add",
    )
    return [
        ("", RegistryFact(event.registry, detail["registry_key"], place.at, detail["demonstration"])),
        ("", document),
        *_policy(detail["policy"], detail["policy_sha256"], detail["approvals"], place),
    ]


def policy_adopted(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """A policy in force from here on: the editors' threshold signs."""
    document = editor_of(view, event, signed, place)
    refuse_unless(
        len(editors_in(document, signed)) >= document.threshold,
        "too few editors signed",
        "signature",
        "pass it round: repro registry policy … --out FILE, repro registry cosign FILE, repro registry apply FILE",
    )
    since = known(view, PolicyFact, "").since
    refuse_unless(
        event.after > since,
        f"was signed before the policy of entry {since}",
        "policy",
        "propose it again: repro registry policy",
    )
    return _policy(event.subject, event.detail["policy_sha256"], event.detail["approvals"], place)


def _policy(name: str, digest: str, approvals: int, place: Place) -> list[Named]:
    refuse_unless(HEX.fullmatch(digest) is not None and 1 <= approvals <= 100, "its policy is malformed", "policy")
    policy = PolicyFact(name, digest, approvals, place.index)
    return [("", policy), (name, policy)]


def editors_changed(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """The next version, signed by the threshold of the old list and of the new one, as TUF does with its root.

    A key of an editor who stays may change only to the one whose digest the old list names: a stolen key can't.
    """
    old, new = known(view, EditorsFact, ""), document_of(event.detail["editors"])
    reasoned(event)
    refuse_unless(
        new.version == old.version + 1, f"version {old.version + 1} comes next", "editors", "propose it again"
    )
    refuse_unless(
        len(editors_in(old, signed)) >= old.threshold,
        "too few of the present editors signed",
        "signature",
        "repro registry cosign FILE",
    )
    refuse_unless(
        len(editors_in(new, signed)) >= new.threshold,
        "too few of the new editors signed",
        "signature",
        "repro registry cosign FILE",
    )
    refuse_unless(
        event.by in editors_in(old, signed) | editors_in(new, signed),
        f"is not signed by the editor's key of {event.by}",
        "signature",
        "let its author sign, too",
        NotAllowed,
    )
    for handle, entry in new.editors.items():
        refuse_unless(
            view.get(KeyFact, id_of(entry.key)) is None,
            f"the key of {handle} is an operator's",
            "editors",
            "make keys of their own: repro keys new --role editor",
        )
        before = old.editors.get(handle)
        operator = view.get(OperatorFact, handle) if before is None else None
        refuse_unless(
            operator is None or signed.by(operator.key),
            f"{handle} is an operator's handle",
            "editors",
            "let that operator sign, too, or take another handle",
        )
        if before is not None and before.key != entry.key:
            refuse_unless(
                id_of(entry.key) == before.next_key_sha256,
                f"the new key of {handle} is not the one that was announced",
                "editors",
                "an editor's key rotates to its announced successor only",
            )
    return [("", new)]


def operator_joined(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """A handle and its key, for ever: nobody else can take it."""
    refuse_unless(event.subject == event.by, "an operator joins for itself", "operator")
    refuse_unless(
        view.get(OperatorFact, event.by) is None,
        f"the handle {event.by} is taken",
        "operator",
        "make keys with another handle",
        Conflict,
    )
    flaw, seen = handles.flaw(event.by), handles.skeleton(event.by)
    refuse_unless(flaw is None, flaw or "", "operator", "make keys with another handle")
    editors = known(view, EditorsFact, "").editors
    taken = view.get(SkeletonFact, seen)
    alike = [] if taken is None else [taken.handle]
    alike += [other for other in editors if handles.skeleton(other) == seen]
    other = next((one for one in alike if one != event.by), "")
    refuse_unless(not other, f"{event.by} looks like {other}", "operator", "make keys with another handle")
    editor = editors.get(event.by)
    refuse_unless(
        editor is None or signed.by(editor.key),
        f"{event.by} is an editor's handle",
        "operator",
        "sign with the editor's key, too, or take another handle",
    )
    return [*_with_key(event, signed, place, view, None), (seen, SkeletonFact(event.by))]


def operator_rotated(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """The announced next key takes over. It must sign; the old one need not: it may be lost or stolen."""
    operator = known(view, OperatorFact, event.by)
    key = file_key_id(event.detail["operator_key"])
    refuse_unless(
        key == operator.next_key_sha256,
        f"the key is not the one that {event.by} announced",
        "operator",
        "rotate with the key that lies beside the old one",
    )
    facts = _with_key(event, signed, place, view, operator)
    before = id_of(operator.key)
    return [*facts, (before, replace(known(view, KeyFact, before), until=place.at))]


def _with_key(event: Event, signed: Signed, place: Place, view: View, operator: OperatorFact | None) -> list[Named]:
    text, following = event.detail["operator_key"], event.detail["next_key_sha256"]
    key = file_key_id(text)
    refuse_unless(HEX.fullmatch(following) is not None and following != key, "announces no next key", "operator")
    refuse_unless(key in signed.keys, "is not signed by the key that it brings", "signature")
    refuse_unless(view.get(KeyFact, key) is None, "the key is known already", "operator", "make new keys")
    editors = known(view, EditorsFact, "").editors.values()
    roles = {id_of(one) for one in (known(view, RegistryFact, "").key, *(entry.key for entry in editors))}
    refuse_unless(key not in roles, "the key is an editor's or the registry's", "operator", "make keys of their own")
    if operator is None:
        operator = OperatorFact(place.index, False, "", text, following)
    return [
        (event.by, replace(operator, key=text, next_key_sha256=following)),
        (key, KeyFact(event.by, place.index, None)),
    ]


def operator_verified(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """An editor has seen that the operator owns the hardware."""
    return _verified(event, signed, place, view, True)


def operator_unverified(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """And takes it back."""
    return _verified(event, signed, place, view, False)


def operators_tied(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """An editor says that two handles are one person, as when both ran on one device: one voice from here on."""
    pair = _pair(event, signed, place, view)
    name = "|".join(pair)
    return [(name, TieFact(tuple(pair), event.reason)), newest(event, place, view)]


def operators_untied(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """An editor takes a tie back: from here on the two handles are one person only where something else says so."""
    pair = _pair(event, signed, place, view)
    name = "|".join(pair)
    tie = view.get(TieFact, name)
    refuse_unless(tie is not None and not tie.untied, f"{' and '.join(pair)} are not tied by an editor", "operator")
    return [(name, TieFact(tuple(pair), event.reason, untied=True)), newest(event, place, view)]


def _pair(event: Event, signed: Signed, place: Place, view: View) -> list[str]:
    editor_of(view, event, signed, place)
    pair = sorted({event.subject, event.detail["other"]})
    refuse_unless(len(pair) == 2, "ties a handle to itself", "operator", "name two")
    for handle in pair:
        known(view, OperatorFact, handle)
    return pair


def _verified(event: Event, signed: Signed, place: Place, view: View, value: bool) -> list[Named]:
    editor_of(view, event, signed, place)
    operator = known(view, OperatorFact, event.subject)
    changed = replace(operator, verified=value, why=event.reason)
    return [(event.subject, changed), newest(event, place, view)]


def signers(event: Event, view: View) -> list[str]:
    """The public keys, as text, of those who may have signed it; the announced next keys are known by digest alone."""
    found: list[str] = []
    operator = view.get(OperatorFact, event.by)
    if operator is not None:
        found.append(operator.key)
    for name in ("operator_key", "registry_key"):
        if name in event.detail:
            found.append(event.detail[name])
    documents = [view.get(EditorsFact, "")]
    if "editors" in event.detail:
        proposed = document_of(event.detail["editors"])
        documents.append(proposed)
        found += [fact.key for handle in proposed.editors if (fact := view.get(OperatorFact, handle)) is not None]
    found += [entry.key for document in documents if document for entry in document.editors.values()]
    registry = view.get(RegistryFact, "")
    if registry is not None:
        found.append(registry.key)
    return found
