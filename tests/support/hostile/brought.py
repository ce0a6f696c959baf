"""Events and records that are false, replayed, another's, or for another place."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from functools import cache
from hashlib import sha256
from random import Random

from benchmarks.hostile import Body, body, submission
from harness.demo.records import person
from harness.record import envelope
from harness.registry.actions import acts
from harness.registry.actions.acts import Actor, Wish
from harness.registry.actions.passkeys import Prepared
from harness.tlog import event as events
from tests.support import parquet_bombs
from tests.support.authenticator import Authenticator
from tests.support.hostile.passkeys import forged
from tests.support.hostile.request import Hostile, multipart
from tests.support.hostile.scene import Scene, as_json, event_of, resigned
from tests.support.registry_world import key

# Of `benchmarks/hostile.py`, those that a registry must refuse before its queue; the others are for editors to find.
_REFUSED = (
    "equal stamps, a lying footer", "a long text in a dictionary", "histograms that abort the decoder", "no Parquet", "the most values",
    "the most trials", "signed by nobody's keys", "no record at all",
)  # fmt: skip
_ODD = (None, 0, -1, 2**63, 1e300, "", "x", "\0", "\u202e", [], {}, [[]], True, "9" * 5000, "../../x", "f" * 64)


def signature_changed(scene: Scene, rng: Random) -> Hostile:
    """Anything of the envelope but what it says."""
    parts = scene.unsent(rng)
    told = json.loads(parts["event"])
    sig = told["signatures"][0]
    raw = bytearray(base64.b64decode(sig["sig"]))
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    payload = bytearray(base64.b64decode(told["payload"]))
    payload[rng.randrange(len(payload))] ^= 1 << rng.randrange(7)
    other = rng.choice(scene.people)
    told = rng.choice((
        {**told, "signatures": [{**sig, "sig": base64.b64encode(raw).decode()}]}, {**told, "payload": base64.b64encode(payload).decode()},
        {**told, "signatures": []}, {**told, "signatures": [sig] * 17}, {**told, "payloadType": "application/vnd.in-toto+json"},
        {**told, "signatures": [{**sig, "keyid": "0" * 64}]}, {**told, "signatures": [{**sig, "sig": ""}]}, {**told, "more": 1},
        {**told, "payloadType": envelope.PAYLOAD_TYPE}, {**told, "signatures": [{**sig, "webauthn": {}}]}, {**told, "payload": "e30="},
        {**told, "signatures": [{**sig, "keyid": sha256(other.encode()).hexdigest()}]}, {**told, "signatures": sig}, [told], None,
    ))  # fmt: skip
    return multipart(rng, {**parts, "event": json.dumps(told).encode()})


def by_another(scene: Scene, rng: Random) -> Hostile:
    """Truly signed, by a key that may not say this, or for another registry."""
    event, name = scene.event(rng)
    other = rng.choice([one for one in scene.people if one != name])
    stranger = key(f"stranger {rng.random()}")
    own, theirs = scene.world.person(name), scene.world.person(other)
    made = rng.choice((
        event.signed([stranger]), event.signed([theirs.operator]), event.signed([own.rig]), replace(event, by=other).signed([own.operator]),
        replace(event, registry="other.example/registry").signed([own.operator]), replace(event, by="nobody").signed([stranger]),
        replace(event, registry="").signed([own.operator]), event.signed([own.following]), replace(event, by="registry").signed([own.operator]),
    ))  # fmt: skip
    return multipart(rng, {**scene.unsent(rng), "event": made.to_bytes()})


def member_changed(scene: Scene, rng: Random) -> Hostile:
    """Truly signed by its operator, and not an event that may be: a member missing, of another type, or more of them."""
    event, name = scene.event(rng)
    told = as_json(event)
    detail = dict(told["detail"])  # type: ignore[call-overload]
    which = rng.randrange(6)
    if which == 0:
        told.pop(rng.choice(list(told)))
    elif which == 1:
        odd = rng.choice(("kind", "registry", "by", "subject", "after", "head", "detail"))
        told[odd] = rng.choice([one for one in _ODD if one != told[odd]])
    elif which == 2:
        odd = rng.choice(
            (
                "envelope_sha256",
                "samples_sha256",
                "subject_sha256",
                "operator_key",
                "rig_key",
                "started",
                "finished",
                "device_sha256",
            )
        )
        detail[odd] = rng.choice([one for one in _ODD if one != detail[odd]])
        told["detail"] = detail
    elif which == 3:
        detail.pop(rng.choice(list(detail)))
        told["detail"] = detail
    elif which == 4:
        told["more"] = 1
    else:
        told["kind"] = rng.choice([one for one in events.KINDS if one not in ("record-submitted", "failure-submitted")])
    payload = json.dumps(told, separators=(",", ":"), sort_keys=True).encode()
    return multipart(rng, {**scene.unsent(rng), "event": resigned(scene, payload, name)})


def no_event(scene: Scene, rng: Random) -> Hostile:
    """Bytes that are no event, truly signed."""
    payload = rng.choice((
        b"", b"null", b"[" * 10_000, b'{"kind":' * 5000, b"\xff" * 100, rng.randbytes(2000), b'{"kind":"record-submitted"}', b"{}" * 5,
        b'{"a":1,"a":2}', b"NaN", b"1" * 50_000, b'"' + b"x" * 900_000 + b'"',
    ))  # fmt: skip
    return multipart(rng, {"event": resigned(scene, payload, rng.choice(scene.people))})


def replayed(scene: Scene, rng: Random) -> Hostile:
    """What is in the log already: whole, or its event alone and with other parts."""
    more = rng.choice(({}, {"record": b"x"}, {"samples": rng.randbytes(100)}))
    return multipart(rng, {**scene.taken, **more}, again=True)


def own_acts(scene: Scene, rng: Random) -> Hostile:
    """Acts of the registry and of its editors, by an operator; the registry's, by its own key."""
    event, name = scene.event(rng)
    base = replace(event, detail={})
    operator, registry = scene.world.person(name).operator, key("registry")
    issued = replace(
        base, kind="challenge-issued", subject="0" * 64, detail={"handle": name, "expires": "2099-01-01T00:00:00Z"}
    )
    approved = replace(base, kind="record-approved", subject=scene.record, reason="complete, and possible")
    revoked = replace(base, kind="key-revoked", subject="0" * 64, reason="stolen", detail={"from_index": 1})
    made = rng.choice((
        replace(issued, by="registry").signed([registry]), issued.signed([operator]), approved.signed([operator]), revoked.signed([operator]),
        replace(approved, by="ed").signed([operator]), replace(approved, by="ed").signed([registry]), replace(revoked, by="ed").signed([operator]),
        replace(base, kind="record-withdrawn", subject=scene.record, by=scene.people[1]).signed([scene.world.person(scene.people[1]).operator]),
    ))  # fmt: skip
    return multipart(rng, {"event": made.to_bytes()})


def parts_exchanged(scene: Scene, rng: Random) -> Hostile:
    """The event of one submission with parts that it does not name."""
    parts = scene.unsent(rng)
    other = rng.choice([one for one in [*scene.unsent_parts, scene.taken] if one["event"] != parts["event"]])
    changed = bytearray(parts["samples"])
    changed[rng.randrange(len(changed))] ^= 1
    made = rng.choice((
        {**parts, "record": other["record"]}, {**parts, "samples": other["samples"]}, {"event": parts["event"]}, {**parts, "samples": b""},
        {"event": parts["event"], "record": parts["record"]}, {**parts, "record": parts["samples"], "samples": parts["record"]},
        {**parts, "samples": bytes(changed)}, {**parts, "samples": parts["samples"] + b"\0"}, {**parts, "device_note": b"{}" * 20_000},
    ))  # fmt: skip
    return multipart(rng, made)


def passkey_forged(scene: Scene, rng: Random) -> Hostile:
    """An editor's approval with an assertion that is none of it, or by a passkey that is not the editor's."""
    assert scene.act is not None
    owner, origin = scene.desk.passkey, scene.desk.origin
    if rng.random() < 0.2:
        owner = Authenticator(rng.choice((-7, -8)), "localhost", f"mallory {rng.random()}")
        return multipart(rng, {"event": scene.act.sealed(owner.key, owner.assertion(scene.act.challenge, origin))})
    act = scene.act
    if rng.random() < 0.2:  # truly signed, for another registry
        act = Prepared(act.payload.replace(b"test.example/registry", b"test.example/elsewhere"))
        return multipart(rng, {"event": act.sealed(owner.key, owner.assertion(act.challenge, origin))})
    found = forged(owner, act, origin)
    return multipart(rng, {"event": act.sealed(owner.key, found[rng.choice(list(found))])})


def false_record(scene: Scene, rng: Random) -> Hostile:
    """By an operator who signs truly: samples that are bombs, that abort the decoder or say something else, records that are none."""
    name = rng.choice(scene.people)
    who = scene.world.person(name)
    found = submission(_body(rng.choice(_REFUSED)), _FIRST, who, rng.randrange(1, 1 << 30))
    with scene.world.registry.reading() as reader:
        item = acts.submission(reader, Actor(name, (who.operator,)), found, Wish())
    return multipart(rng, {"event": item.envelope, "record": found.envelope, "samples": found.samples})


_FIRST = person("first", "")  # who made the few bodies that all others change


@cache
def _body(kind: str) -> Body:
    return body(kind, _FIRST)


def samples_changed(scene: Scene, rng: Random) -> Hostile:
    """A true record whose samples were overwritten in one place, all of it signed anew by its operator."""
    parts = scene.unsent(rng)
    event = event_of(parts["event"])
    who = scene.world.person(event.by)
    samples = bytearray(parts["samples"])
    _, footer = parquet_bombs.footer(bytes(samples))
    if rng.random() < 0.5:
        at = rng.randrange(4, footer - 64)
        samples[at : at + 64] = rng.randbytes(64)
    else:
        del samples[rng.randrange(8, footer) :]
    digest = sha256(samples).hexdigest()
    old = str(event.detail["samples_sha256"])
    payload = envelope.read(parts["record"], "record").payload.replace(old.encode(), digest.encode())
    record = envelope.sign(payload, [who.operator, who.rig]).to_bytes()
    detail = {**event.detail, "samples_sha256": digest, "envelope_sha256": sha256(record).hexdigest()}
    made = replace(event, subject=sha256(payload).hexdigest(), detail={**detail, "row": sha256(payload).hexdigest()})
    return multipart(
        rng, {"event": made.signed([who.operator]).to_bytes(), "record": record, "samples": bytes(samples)}
    )
