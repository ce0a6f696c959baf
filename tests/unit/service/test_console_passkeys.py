"""Passkeys as the console makes them: the text for an editor, the line that is kept, and the change to the next one."""

from __future__ import annotations

import base64
import html
import json
import re
from dataclasses import replace
from urllib.parse import quote

import pytest

from tests.support.authenticator import Authenticator
from tests.support.console_desk import add_editor, console, nobody
from tests.support.console_forms import form_to, forms


@pytest.fixture
def desk(tmp_path):
    with console(str(tmp_path / "registry"), "pia") as (_, [found]):
        assert found.sign_in().status_code == 303
        yield found


def enrolled(other, path, *made):
    """The form of that page with these passkeys, as the script leaves it."""
    form = form_to(other.get(path).text, "/console/passkeys/new")
    fields = [(name, value) for name, value in form.fields if name in ("csrf", "handle", "next")]
    for one, part in zip(made, form.parts, strict=True):
        data, attestation = one.registration(base64.b64decode(part["challenge"]), other.origin)
        fields += [
            ("client_data_json", base64.b64encode(data).decode()),
            ("attestation_object", base64.b64encode(attestation).decode()),
        ]
    return form, fields


def told_by(page: str) -> list[str]:
    """The texts that the page gives to be copied, without the command."""
    return [html.unescape(one) for one in re.findall(r"<pre[^>]*><code>(.*?)</code>", page, re.DOTALL)]


def test_an_editor_changes_to_the_next_passkey_by_the_line_that_was_kept(desk):
    first, second, third = (Authenticator(-8, "localhost", f"rob {n}") for n in range(3))
    add_editor(desk.world, "rob", first, next_key=second.key.id)
    kept = quote(second.key.text())
    form, fields = enrolled(nobody(desk), f"/console/passkeys/new?handle=rob&next={kept}", third)
    answer = nobody(desk).post(form.action, fields)
    assert answer.status_code == 200, answer.text
    text, line = told_by(answer.text)
    assert json.loads(text) == {"handle": "rob", "key": second.key.text(), "next_key_sha256": third.key.id}
    assert line == third.key.text()
    assert desk.act("editors-changed", "editors", add=text).status_code == 303
    rob = replace(nobody(desk), handle="rob", passkey=second)
    assert rob.sign_in().status_code == 303
    for handle, wrong, said in (
        ("rob", "passkey:ed25519:00", "is not a passkey"),
        ("rob", quote(first.key.text()), "is not the next key"),
        ("sue", kept, "is not on the list"),
        ("rob", quote(Authenticator(-8, "elsewhere.example", "x").key.text()), "passkeys count at localhost"),
    ):
        refused = nobody(desk).get(f"/console/passkeys/new?handle={handle}&next={wrong}")
        assert (refused.status_code, said in html.unescape(refused.text)) == (400, True), refused.text


def test_two_passkeys_become_a_text_for_an_editor(desk):
    other = nobody(desk)
    made = [Authenticator((-8, -7)[n], "localhost", f"rob {n}") for n in (0, 1)]
    form, fields = enrolled(other, "/console/passkeys/new?handle=rob", *made)
    answer = other.post(form.action, fields)
    assert answer.status_code == 200, answer.text
    text, kept = told_by(answer.text)
    assert json.loads(text) == {"handle": "rob", "key": made[0].key.text(), "next_key_sha256": made[1].key.id}
    assert kept == made[1].key.text()
    assert other.post(form.action, fields).status_code == 403  # its number was used
    assert not [one for one in forms(answer.text) if one.action == "/console/demonstration"]


def test_a_lone_editor_changes_to_the_next_passkey_by_signing_with_both(desk):
    pia, following = desk, Authenticator(-7, "localhost", "pia, at last")
    assert pia.act("editors-changed", "editors", remove="ed").status_code == 303
    # Her list names the digest of a passkey that `add_editor` made up: the key of that one follows.
    own = Authenticator(pia.passkey.algorithm, pia.passkey.rp_id, f"next {pia.passkey.name}")
    text = json.dumps({"handle": "pia", "key": own.key.text(), "next_key_sha256": following.key.id})
    waits = pia.act("editors-changed", "editors", add=text).headers["location"]
    page = pia.get(waits).text
    assert "sign with that, too" in page
    form = form_to(page, waits)
    done = pia.post(form.action, pia.signed(form, own))
    assert "?entry=" in done.headers["location"]
    assert replace(nobody(pia), passkey=own).sign_in().status_code == 303
