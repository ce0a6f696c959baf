"""A browser's own passkeys, by its virtual authenticator: what it registers and asserts is what the log's rules take."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Browser, Error, Page

from harness.errors import RecordInvalid
from harness.progress import SILENT
from harness.record.passkey import ED25519, ES256, Assertion, verify_assertion
from harness.record.passkey_registration import registered
from harness.registry.actions import acts
from harness.registry.actions.passkeys import prepared
from harness.registry.db.transaction import Item
from harness.registry.exchange.audit import audit
from tests.browser.conftest import _Quiet
from tests.support.passkey_world import allow, change
from tests.support.registry_world import world

CREATE = """async ([challenge, algorithm]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const text = (data) => btoa(String.fromCharCode(...new Uint8Array(data)));
  const made = await navigator.credentials.create({publicKey: {
    challenge: bytes(challenge), rp: {id: "localhost", name: "a registry"},
    user: {id: bytes(challenge).slice(0, 16), name: "pat", displayName: "pat"},
    pubKeyCredParams: [{type: "public-key", alg: algorithm}], attestation: "none",
    authenticatorSelection: {residentKey: "preferred", userVerification: "required"},
  }});
  return [text(made.response.clientDataJSON), text(made.response.attestationObject)];
}"""
GET = """async ([challenge, identity, wish]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const text = (data) => btoa(String.fromCharCode(...new Uint8Array(data)));
  const found = await navigator.credentials.get({publicKey: {
    challenge: bytes(challenge), rpId: "localhost", userVerification: wish,
    allowCredentials: [{type: "public-key", id: bytes(identity)}],
  }});
  return [text(found.response.authenticatorData), text(found.response.clientDataJSON), text(found.response.signature)];
}"""


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decoded(parts: list[str]) -> list[bytes]:
    return [base64.b64decode(part) for part in parts]


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty page on localhost, where browsers have passkeys without TLS."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text("<!doctype html><title>passkeys</title>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def page(browser: Browser, origin: str) -> Iterator[Page]:
    context = browser.new_context()
    found = context.new_page()
    found.goto(f"{origin}/index.html")
    yield found
    context.close()


def authenticator(page: Page) -> None:
    """A virtual one, whose person is present and verified."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    told = {"protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal", "hasResidentKey": True}
    options = {**told, "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    identity = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    page.evaluate("(id) => { window.authenticator = id; }", identity)
    page.session = session  # type: ignore[attr-defined] # ends with its last name


def test_an_editor_decides_in_a_browser(page, origin, tmp_path):
    authenticator(page)
    challenge = bytes(range(32))
    client, made = decoded(page.evaluate(CREATE, [b64(challenge), ES256]))
    key = registered(client, made, challenge, origin, "localhost")
    assert key.algorithm == ES256
    small = world(str(tmp_path / "registry"))
    allow(small, origin, "localhost")
    change(small, {"pat": {"key": key.text(), "next_key_sha256": "1" * 64}})
    found = small.record("ann")
    small.submit(found)
    act = prepared(small.registry, "pat", "record-approved", found.id, reason="complete, and possible")
    told = Assertion(*decoded(page.evaluate(GET, [b64(act.challenge), b64(key.credential_id), "required"])))
    small.registry.append_one(Item(act.sealed(key, told)), acts.utc())
    assert small.status(found.id) == "accepted"
    assert not audit(small.registry, None, SILENT).faults
    # At another web origin the same browser's assertion is nothing.
    with pytest.raises(ValueError, match="web origin must be"):
        verify_assertion(key, act.challenge, told, origin.replace("localhost", "localhost.example"))


def test_the_browser_s_ed25519_is_taken_where_it_has_one(page, origin):
    authenticator(page)
    challenge = bytes(range(32))
    try:
        made = decoded(page.evaluate(CREATE, [b64(challenge), ED25519]))
    except Error as error:
        assert "NotSupportedError" in str(error) or "NotAllowedError" in str(error)
        pytest.skip("this Chromium's virtual authenticator has no Ed25519")
    key = registered(*made, challenge, origin, "localhost")
    told = Assertion(*decoded(page.evaluate(GET, [b64(challenge), b64(key.credential_id), "required"])))
    verify_assertion(key, challenge, told, origin)
    assert key.algorithm == ED25519


def test_who_is_present_and_not_verified_signs_nothing(page, origin, tmp_path):
    authenticator(page)
    challenge = bytes(range(32))
    key = registered(*decoded(page.evaluate(CREATE, [b64(challenge), ES256])), challenge, origin, "localhost")
    page.session.send(
        "WebAuthn.setUserVerified", {"authenticatorId": page.evaluate("authenticator"), "isUserVerified": False}
    )
    small = world(str(tmp_path / "registry"))
    allow(small, origin, "localhost")
    change(small, {"pat": {"key": key.text(), "next_key_sha256": "1" * 64}})
    found = small.record("ann")
    small.submit(found)
    act = prepared(small.registry, "pat", "record-approved", found.id, reason="complete, and possible")
    try:
        told = Assertion(*decoded(page.evaluate(GET, [b64(act.challenge), b64(key.credential_id), "discouraged"])))
    except Error:
        pytest.skip("this Chromium asks for verification in any case")
    with pytest.raises(RecordInvalid, match="present and verified"):
        small.registry.append_one(Item(act.sealed(key, told)), acts.utc())
    assert small.status(found.id) == "pending"
