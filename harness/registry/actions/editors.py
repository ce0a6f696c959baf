"""Who decides at a registry and by which policy: acts that several editors may have to sign, passed round as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.catalog import policies
from harness.errors import BadInput
from harness.measure.plural import count
from harness.record import envelope
from harness.record.editor_keys import PublicEditor
from harness.record.passkey import is_passkey, parse_key
from harness.registry.actions.acts import Actor, act, event, utc
from harness.registry.actions.create import approvals_of, document, in_time
from harness.registry.db.reader import Reader
from harness.registry.db.transaction import Item
from harness.registry.facts import EditorsFact, PasskeysFact, PolicyFact
from harness.registry.rules.base import document_of
from harness.registry.rules.passkeys import fits
from harness.registry.store import Registry
from harness.tlog import event as events
from harness.tlog.event import Event

# What may need more than one editor.
SEVERAL = ("editors-changed", "key-unrevoked", "passkeys-allowed", "policy-adopted", "registry-key-announced")


@dataclass(frozen=True, slots=True)
class Editors:
    """The list of editors, and how many of them a record needs."""

    document: EditorsFact
    approvals: int

    @property
    def expired(self) -> bool:
        """Whether its last day has passed: then nobody can decide."""
        return self.document.expires < utc()[:10]


def editors_of(registry: Registry) -> Editors:
    """As they are now. Raises `BadInput` where there is no registry."""
    with registry.reading() as reader:
        reader.origin()
        return _editors(reader)


def _editors(reader: Reader) -> Editors:
    return Editors(reader.need(EditorsFact), reader.need(PolicyFact).approvals)


@dataclass(frozen=True, slots=True)
class Change:
    """What a proposal changes of the list of editors; None: as now, of `expires`: in a year."""

    added: Sequence[PublicEditor] = ()
    removed: Sequence[str] = ()
    threshold: int | None = None
    expires: str | None = None


def changed(registry: Registry, change: Change) -> dict[str, Any]:
    """The list of editors after the change. Raises `BadInput`: no such editor, too few left, malformed, or out of time."""
    now = editors_of(registry)
    present = now.document
    strangers = [handle for handle in change.removed if handle not in present.editors]
    if strangers:
        raise BadInput(
            f"{strangers[0]!r} is not an editor of this registry", where="--remove", fix="see: repro registry editors"
        )
    people = {handle: asdict(entry) for handle, entry in present.editors.items() if handle not in change.removed}
    people |= {newcomer.handle: newcomer.entry() for newcomer in change.added}
    made = document(
        present.version + 1, present.threshold if change.threshold is None else change.threshold, change.expires, people
    )
    _passkeys_fit(registry, change.added)
    before, after = len(present.editors), len(made["editors"])
    if after < min(now.approvals, before):
        raise BadInput(
            f"{count(after, 'editor')} would be left, and a record needs {count(now.approvals, 'approval')}",
            where="--remove",
            fix="add others, or adopt fewer approvals first: repro registry policy NAME --approvals N",
        )
    return made


def _passkeys_fit(registry: Registry, added: Sequence[PublicEditor]) -> None:
    found = {one.handle: parse_key(one.key) for one in added if is_passkey(one.key)}
    if not found:
        return
    with registry.reading() as reader:
        fact = reader.get(PasskeysFact, "")
    for handle, key in found.items():
        fits(handle, key, fact)


def propose_editors(registry: Registry, actor: Actor, document: Mapping[str, Any], reason: str) -> bytes:
    """A change of the list, signed first by `actor`: a file for the others to sign."""
    return _proposal(registry, actor, "editors-changed", "editors", reason, {"editors": dict(document)})


@dataclass(frozen=True, slots=True)
class Adoption:
    """A policy that this program has, and how many editors must approve a record under it."""

    name: str
    sha256: str
    approvals: int

    @property
    def detail(self) -> dict[str, Any]:
        """What its event says."""
        return {"policy_sha256": self.sha256, "approvals": self.approvals}


def adoption(registry: Registry, name: str, approvals: int | None) -> Adoption:
    """The policy by its name; `approvals` None: as many as it asks for. Raises `BadInput`: unknown, too few, or too many."""
    loaded = policies.load(name)
    editors = len(editors_of(registry).document.editors)
    return Adoption(name, loaded.sha256, approvals_of(loaded.policy.approvals, approvals, editors))


def adopt(registry: Registry, actor: Actor, policy: Adoption, reason: str) -> int:
    """From the entry that is given back on. Raises why it may not be."""
    taken = act(registry, actor, "policy-adopted", policy.name, reason=reason, detail=policy.detail)
    return taken.entry.index


def propose_policy(registry: Registry, actor: Actor, policy: Adoption, reason: str) -> bytes:
    """As `propose_editors`, of a policy."""
    return _proposal(registry, actor, "policy-adopted", policy.name, reason, policy.detail)


def allow_passkeys(registry: Registry, actor: Actor, web_origin: str, rp_id: str, reason: str) -> int:
    """Editors' passkeys count at this web origin, from the entry that is given back on. Raises why not."""
    taken = act(registry, actor, "passkeys-allowed", web_origin, reason=reason, detail={"rp_id": rp_id})
    return taken.entry.index


def propose_passkeys(registry: Registry, actor: Actor, web_origin: str, rp_id: str, reason: str) -> bytes:
    """As `propose_editors`, of the web origin."""
    return _proposal(registry, actor, "passkeys-allowed", web_origin, reason, {"rp_id": rp_id})


def _proposal(
    registry: Registry, actor: Actor, kind: str, subject: str, reason: str, detail: Mapping[str, Any]
) -> bytes:
    with registry.reading() as reader:
        made = event(reader, actor, kind, subject, reason=reason, detail=detail)
    return made.signed(actor.keys).to_bytes()


def proposed(data: bytes, where: str) -> Event:
    """The act in a proposal's file. Raises `RecordInvalid`; `BadInput` for an act that one editor does alone."""
    found = events.read(envelope.read(data, where).payload, where)
    if found.kind not in SEVERAL:
        raise BadInput(
            f"is a {found.kind} event, which needs one editor only",
            where=where,
            fix=f"cosign only {', '.join(SEVERAL)}",
        )
    return found


def cosign(data: bytes, actor: Actor, where: str) -> bytes:
    """The proposal with the actor's signatures, too. Raises as `proposed`, and `BadInput` where they are there already."""
    proposed(data, where)
    sealed = envelope.read(data, where)
    more = envelope.sign(sealed.payload, actor.keys, events.PAYLOAD_TYPE).signatures
    there = {one.keyid for one in sealed.signatures}
    if more[0].keyid in there:
        raise BadInput("has your signature already", where=where, fix="let another editor sign")
    more = tuple(one for one in more if one.keyid not in there)
    return replace(sealed, signatures=(*sealed.signatures, *more)).to_bytes()


@dataclass(frozen=True, slots=True)
class Applied:
    """A proposal that is in the log."""

    kind: str
    entry: int


def apply(registry: Registry, data: bytes, where: str) -> Applied:
    """Put a proposal into the log. Raises why it may not be, too few signatures included."""
    found = events.read(envelope.read(data, where).payload, where)
    if found.kind == "editors-changed":
        in_time(document_of(found.detail["editors"]))
    taken = registry.append_one(Item(data), utc())
    return Applied(taken.event.kind, taken.entry.index)


def propose(registry: Registry, actor: Actor, kind: str, subject: str, detail: Mapping[str, Any], reason: str) -> bytes:
    """As `propose_editors`, of any other act that the editors' threshold signs."""
    return _proposal(registry, actor, kind, subject, reason, detail)
