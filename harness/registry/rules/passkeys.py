"""Where editors' passkeys count: the web origin that the log names, and no other."""

from __future__ import annotations

from harness.record.envelope import PublicKey
from harness.record.passkey import PasskeyAt, PasskeyKey, is_passkey, parse_key
from harness.record.web_origin import check
from harness.registry.facts import EditorsFact, Named, PasskeysFact
from harness.registry.rules import people
from harness.registry.rules.base import Place, Signed, View, editor_of, editors_in, public, refuse_unless
from harness.tlog.event import Event


def allowed(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """From here on passkeys count that browsers use at this web origin; the editors' threshold signs."""
    document = editor_of(view, event, signed, place)
    refuse_unless(
        len(editors_in(document, signed)) >= document.threshold,
        "too few editors signed",
        "signature",
        "pass it round: repro registry passkeys … --out FILE, repro registry cosign FILE, repro registry apply FILE",
    )
    before = view.get(PasskeysFact, "")
    refuse_unless(
        before is None or event.after > before.since,
        f"was signed before the web origin of entry {before.since if before else 0}",
        "passkeys",
        "propose it again: repro registry passkeys",
    )
    made = PasskeysFact(event.subject, event.detail["rp_id"], place.index)
    try:
        check(made.web_origin, made.rp_id)
    except ValueError as error:
        refuse_unless(False, f"its web origin {error}", "passkeys")
    for handle, key in _passkeys(document).items():
        refuse_unless(
            key.rp_id == made.rp_id,
            f"the passkey of {handle} is for {key.rp_id}",
            "passkeys",
            "passkeys don't move to another domain: let their editors rotate to key files first",
        )
    return [("", made)]


def editors_changed(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """As `people.editors_changed`; each passkey in the new list must be for the registry's domain."""
    facts = people.editors_changed(event, signed, place, view)
    fact = view.get(PasskeysFact, "")
    for handle, key in _passkeys(next(one for _, one in facts if isinstance(one, EditorsFact))).items():
        fits(handle, key, fact)
    return facts


def fits(handle: str, key: PasskeyKey, fact: PasskeysFact | None) -> None:
    """Raises `BadInput` where an editor's passkey can't count at a registry that says this of passkeys."""
    refuse_unless(
        fact is not None,
        f"the key of {handle} is a passkey, and the registry names no web origin",
        "editors",
        "first: repro registry passkeys URL --reason …",
    )
    refuse_unless(
        fact is not None and key.rp_id == fact.rp_id,
        f"the passkey of {handle} is for {key.rp_id}",
        "editors",
        f"make one at {fact.web_origin if fact else ''}",
    )


def verifiers(event: Event, view: View) -> dict[str, PublicKey]:
    """The keys, by id, of those who may have signed it. Raises `BadInput` for a malformed one."""
    texts = people.signers(event, view)
    found: dict[str, PublicKey] = {**public(*(text for text in texts if not is_passkey(text)))}
    fact = view.get(PasskeysFact, "")
    if fact is not None:
        for key in (parse_key(text) for text in texts if is_passkey(text)):
            found[key.id] = PasskeyAt(key, fact.web_origin)
    return found


def _passkeys(document: EditorsFact) -> dict[str, PasskeyKey]:
    return {name: parse_key(entry.key) for name, entry in document.editors.items() if is_passkey(entry.key)}
