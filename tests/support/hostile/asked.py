"""Requests that carry no event, signed falsely (RFC 9421), and the console's forms by who may not send them."""

from __future__ import annotations

import base64
import time
from random import Random
from urllib.parse import urlencode

from harness.record import signed_request
from harness.registry.actions import nonces
from harness.registry.actions.passkeys import Prepared
from tests.support.authenticator import Authenticator
from tests.support.console_desk import COOKIE
from tests.support.hostile.passkeys import forged
from tests.support.hostile.request import FORM, Hostile, plain
from tests.support.hostile.scene import Scene
from tests.support.registry_world import ORIGIN, key

Fields = list[tuple[str, str]]
_SIGNED = (
    "/v1/submissions",
    "/v1/queue",
    "/v1/reports",
    "/v1/records/aa/status",
    "/v1/challenges/00",
    "/v1/queue/aa/bodies",
)
_PAGES = (
    "/console/", "/console/operators", "/console/editors", "/console/requests", "/console/reports", "/console/policy", "/console/log",
    "/console/health", "/console/records/" + "0" * 64,
)  # fmt: skip
_FORMS = (
    "/console/acts", "/console/prepare", "/console/prepare-several", "/console/several", "/console/sign-out",
    "/console/proposals/" + "0" * 64,
)  # fmt: skip


def number_reused(scene: Scene, rng: Random) -> Hostile:
    """A signature that would hold, but for its number: used before, made up, another registry's, or old."""
    path, who = rng.choice(_SIGNED[:3]), rng.choice(scene.people)
    nonce = rng.choice((
        scene.used, scene.used, "1.2.3", "x" * 3000, "0", nonces.issued(rng.randbytes(32)), nonces.issued(b"", int(time.time()) - 4000),
    ))  # fmt: skip
    return plain("GET", path, rng, scene.signed(path, who, nonce=nonce))


def another_request_signed(scene: Scene, rng: Random) -> Hostile:
    """A fresh number, and a signature over another method, path, query, registry, or by a key that may not ask."""
    path, who = rng.choice(_SIGNED[:3]), rng.choice(scene.people)
    private = scene.world.person(who).operator
    told: dict[str, object] = {
        "method": "GET",
        "target": path,
        "body": b"",
        "key": private,
        "nonce": scene.nonce(),
        "origin": ORIGIN,
    }
    told |= rng.choice((  # type: ignore[arg-type]
        {"method": "POST"}, {"target": "/v1/nonce"}, {"target": path + "?handle=bob"}, {"origin": "other.example/registry"}, {"origin": ""},
        {"key": key(f"nobody {rng.random()}")}, {"key": scene.world.person(who).rig}, {"key": scene.world.person(who).following},
        {"key": key("registry")}, {"target": path.upper()}, {"target": path + "/"},
    ))  # fmt: skip
    return plain("GET", path, rng, signed_request.sign(**told))  # type: ignore[arg-type]


def signature_garbage(scene: Scene, rng: Random) -> Hostile:
    path = rng.choice(_SIGNED)
    good = scene.signed(path, rng.choice(scene.people), nonce="x")
    inputs = good["Signature-Input"]
    broken = bytearray(64)
    broken[rng.randrange(64)] = rng.randrange(1, 256)
    given, over = rng.choice((
        (inputs, "repro=:" + base64.b64encode(broken).decode() + ":"), (inputs.replace('"@path" ', ""), good["Signature"]), ("x", "y"),
        (inputs.replace("created=", "created=9"), good["Signature"]), (inputs, ""), ("", good["Signature"]), ("(" * 4000, ")" * 4000),
        (inputs * 50, good["Signature"] * 50), (inputs.replace("repro", "other"), good["Signature"]), (inputs, good["Signature"][:20]),
        (inputs.replace("alg", "alh"), good["Signature"]), ('repro=("@method" "@path" "@query");keyid="x"', "repro=:AA==:"), ("\u00ff", "\u00ff"),
        (inputs.replace("keyid=", 'alg="hmac-sha256";keyid='), good["Signature"]), ("repro=()", "repro=::"), ("repro=" * 9, "repro=" * 9),
    ))  # fmt: skip
    method = "POST" if rng.random() < 0.3 else "GET"
    return plain(
        method, "/v1/challenges" if method == "POST" else path, rng, {"Signature-Input": given, "Signature": over}
    )


def posted(scene: Scene, rng: Random, path: str, fields: Fields, cookie: str = "", **headers: str) -> Hostile:
    """As a browser sends a form; `headers` instead of its own, "" to leave one out (`_` for `-`)."""
    told = {
        "Origin": scene.desk.origin,
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": FORM,
        "Cookie": f"{COOKIE}={cookie}",
    }
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    kept = {name: value for name, value in told.items() if value and value != f"{COOKIE}="}
    return plain("POST", path, rng, kept, urlencode(fields).encode())


def another_page(scene: Scene, rng: Random) -> Hostile:
    """A form with an editor's cookie and the right fields, of another page (CSRF), or with another session's token."""
    act = scene.act_form
    path = rng.choice(_FORMS)
    fields = [(name, scene.csrf if name == "csrf" else value) for name, value in act]
    which = rng.randrange(3)
    if which == 0:
        origin = rng.choice((
            "https://evil.example", "null", "", scene.desk.origin + ".evil.example", scene.desk.origin.replace("http", "https"),
            scene.desk.origin + "/", "http://localhost", "http://127.0.0.1",
        ))  # fmt: skip
        return posted(scene, rng, path, fields, scene.desk.cookie, Origin=origin)
    if which == 1:
        site = rng.choice(("cross-site", "same-site", "none", "x"))
        return posted(scene, rng, path, fields, scene.desk.cookie, Sec_Fetch_Site=site)
    token = rng.choice(("", "x", scene.csrf[:-1], scene.csrf + "x", scene.csrf.swapcase(), scene.nonce(), "\u00fc"))
    fields = [(name, token if name == "csrf" else value) for name, value in act]
    return posted(scene, rng, path, fields, scene.desk.cookie)


def session_without_passkey(scene: Scene, rng: Random) -> Hostile:
    """An editor's cookie and token are stolen, whole; the act is signed by no passkey of theirs, or by it for something else."""
    assert scene.act is not None
    assert scene.proposal is not None
    proposal = f"/console/proposals/{scene.proposal.sha256}"
    path = rng.choice(("/console/acts", "/console/several", proposal, proposal, proposal + "/drop"))
    act = Prepared(scene.proposal.event.payload()) if path.startswith(proposal) else scene.act
    payload = act.payload
    owner = scene.desk.passkey
    stranger = Authenticator(rng.choice((-7, -8)), "localhost", f"mallory {rng.random()}")
    signs = rng.choice((owner, stranger))
    found = forged(signs, act, scene.desk.origin) | (
        {} if signs is owner else {"": signs.assertion(act.challenge, scene.desk.origin)}
    )
    made = found[rng.choice(list(found))]
    fields = [("csrf", scene.csrf), ("payload", base64.b64encode(payload).decode())]
    encoded = {
        name: base64.b64encode(getattr(made, name)).decode()
        for name in ("authenticator_data", "client_data_json", "signature")
    }
    encoded["credential"] = base64.b64encode(rng.choice((owner, signs)).credential_id).decode()
    if rng.random() < 0.2:
        encoded[rng.choice(list(encoded))] = rng.choice(("", "*", "A", base64.b64encode(rng.randbytes(300)).decode()))
    return posted(scene, rng, path, fields + list(encoded.items()), scene.desk.cookie)


def session_made_up(scene: Scene, rng: Random) -> Hostile:
    """A cookie that nobody was given, or none."""
    good = scene.desk.cookie
    cookie = rng.choice(
        ("", "x", good[:-1], good + "x", good[::-1], "\u00ff" * 100, "0" * 4000, f'"{good}x"', f"{good}%00")
    )
    if rng.random() < 0.5:
        headers = {"Cookie": f"{COOKIE}={cookie}"} if cookie else {}
        return plain("GET", rng.choice(_PAGES), rng, headers, elsewhere=True)
    return posted(scene, rng, rng.choice(_FORMS), scene.act_form, cookie)


def sign_in_forged(scene: Scene, rng: Random) -> Hostile:
    """A fresh number of the registry's, and an assertion that is not an editor's for it; or a number that is not fresh."""
    from harness.registry.actions.passkeys import Prepared
    from harness.service.console.ceremony import sign_in_challenge

    class Asked(Prepared):
        @property
        def challenge(self) -> bytes:
            return self.payload

    nonce, owner = scene.nonce(), scene.desk.passkey
    asked = Asked(sign_in_challenge(ORIGIN, nonce))
    found = forged(owner, asked, scene.desk.origin)
    made = found[rng.choice(list(found))]
    if rng.random() < 0.3:  # truly signed: by a stranger
        owner = Authenticator(-7, "localhost", f"mallory {rng.random()}")
        made = owner.assertion(asked.challenge, scene.desk.origin)
    elif rng.random() < 0.3:  # truly signed: a number that was used, or is another's
        nonce = rng.choice((scene.used, nonces.issued(rng.randbytes(32)), "x"))
        made = owner.assertion(sign_in_challenge(ORIGIN, nonce), scene.desk.origin)
    fields = [("csrf", nonce), ("credential", base64.b64encode(owner.credential_id).decode())]
    fields += [
        (name, base64.b64encode(getattr(made, name)).decode())
        for name in ("authenticator_data", "client_data_json", "signature")
    ]
    return posted(scene, rng, "/console/sign-in", fields)


def form_garbage(scene: Scene, rng: Random) -> Hostile:
    """In an editor's session, from its own page: a body that no form is, fields twice, missing, huge, or of other kinds."""
    csrf = f"csrf={scene.csrf}&"
    body = csrf + rng.choice((
        "kind=record-approved", "kind=x&subject=y", "kind=record-approved&kind=x&subject=y", "a&b", "=%00&%00=", "&" * 5000, "x=" + "y" * 500_000,
        "kind=record-approved&subject=%00&after=1", "kind=record-approved&subject=x&after=1e9", "kind=registry-created&subject=x&after=1",
        "kind=record-approved&subject=x&after=-1&template=../x", "payload=AA==", "payload=*&credential=*", "kind=%ff&subject=%fe",
        "record=x" * 30, "kind=record-approved&" + "record=aa&" * 300 + "after=1",
    ))  # fmt: skip
    data = rng.choice((body.encode(), body.encode() + rng.randbytes(50), b"x" * (2 << 20)))
    kind = rng.choice((FORM, FORM, FORM, "application/json", "multipart/form-data; boundary=b", ""))
    told = {
        "Origin": scene.desk.origin,
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": kind,
        "Cookie": f"{COOKIE}={scene.desk.cookie}",
    }
    return plain("POST", rng.choice([one for one in _FORMS if one != "/console/sign-out"]), rng, told, data)
