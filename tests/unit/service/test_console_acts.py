"""The editors' console over HTTP: sign in, look, prepare, sign; and what is refused."""

from __future__ import annotations

import random
import re
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from harness.errors import BadInput
from harness.registry.actions import drafts, editors, passkeys, proposals, sessions
from harness.registry.actions.editors import Change
from harness.registry.rules.apply import RULES
from harness.service.console import listing, render, words
from harness.service.core import Service, Settings
from harness.tlog import cosignature
from harness.tlog import event as events
from tests.support.authenticator import Authenticator
from tests.support.console_desk import COOKIE, Desk, add_editor, console, nobody
from tests.support.console_forms import form_to, forms
from tests.support.registry_world import key, world
from tests.support.served import served
from tests.unit.service.conftest import problem


@pytest.fixture
def desk(tmp_path):
    with console(str(tmp_path / "registry"), "pia") as (_, [found]):
        assert found.sign_in().status_code == 303
        yield found


@pytest.fixture
def either(place):
    """Two editors, on either database."""
    with console(place, "pia", "quin") as (_, desks):
        for one in desks:
            one.sign_in()
        yield desks


def waiting(desk: Desk, name: str = "ada", **setup: object) -> str:
    found = desk.world.record(name, **setup)
    desk.world.submit(found)
    return found.id


def test_a_passkey_signs_in_and_the_cookie_is_for_this_host_alone(desk):
    again = nobody(desk)
    found = again.sign_in().headers["set-cookie"]
    assert found.startswith(f"{COOKIE}=")
    assert {part.strip().lower() for part in found.split(";")[1:]} == {
        "path=/",
        "secure",
        "httponly",
        "samesite=strict",
    }
    assert "pia" in desk.get("/console/").text


def test_who_is_not_signed_in_sees_the_sign_in_page_alone(desk):
    answer = nobody(desk).get("/console/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
    assert nobody(desk).get("/console/sign-in").status_code == 200


@pytest.mark.parametrize(
    "how",
    [{"origin": "https://elsewhere.example"}, {"rp_id": "elsewhere.example"}, {"flags": 0x01}, {"crossOrigin": True}],
)
def test_an_assertion_of_another_page_or_without_verification_signs_nobody_in(desk, how):
    other = nobody(desk)
    form = form_to(other.get("/console/sign-in").text, "/console/sign-in")
    answer = other.post(form.action, other.signed(form, **how))
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_a_passkey_that_no_editor_has_signs_nobody_in(desk):
    other = nobody(desk)
    form = form_to(other.get("/console/sign-in").text, "/console/sign-in")
    assert other.post(form.action, other.signed(form, Authenticator(name="stranger"))).status_code == 401


def test_the_number_of_a_sign_in_counts_once(desk):
    other = nobody(desk)
    form = form_to(other.get("/console/sign-in").text, "/console/sign-in")
    fields = other.signed(form)
    assert other.post(form.action, fields).status_code == 303
    assert other.post(form.action, fields).status_code == 403


def test_a_session_ends_when_it_is_idle_or_old_or_signed_out(desk):
    registry = desk.world.registry
    assert sessions.of(registry, desk.cookie) is not None
    token = sessions.begin(registry, "pia", desk.passkey.key.id, 1_000_000)
    assert sessions.of(registry, token, 1_000_000 + sessions.IDLE_S - 1) is not None
    assert sessions.of(registry, token, 1_000_000 + 2 * sessions.IDLE_S - 2) is not None
    assert sessions.of(registry, token, 1_000_000 + 3 * sessions.IDLE_S) is None
    token, now = sessions.begin(registry, "pia", desk.passkey.key.id, 1_000_000), 1_000_000
    while now < 1_000_000 + sessions.LONGEST_S - 1000:
        now += 1000
        assert sessions.of(registry, token, now) is not None
    assert sessions.of(registry, token, now + 1000) is None
    form = form_to(desk.get("/console/health").text, "/console/sign-out")
    assert desk.post(form.action, form.fields).status_code == 303
    assert desk.get("/console/").headers["location"] == "/console/sign-in"


def test_the_database_holds_no_number_that_signs_in(desk):
    file = desk.world.registry.file
    assert file is not None
    stored = b"".join(one.read_bytes() for one in file.parent.iterdir() if one.is_file())
    assert desk.cookie.encode() not in stored


def test_every_page_shows_and_none_may_be_framed_or_kept(desk):
    record = waiting(desk)
    paths = [
        "/console/",
        f"/console/records/{record}",
        "/console/operators",
        "/console/operators/ada",
        "/console/requests",
    ]
    paths += [
        "/console/editors",
        "/console/policy",
        "/console/log",
        "/console/health",
        "/console/passkeys/new?handle=rob",
    ]
    for path in [*paths, "/console/records/" + "0" * 64]:
        answer = desk.get(path)
        assert answer.status_code == (404 if path.endswith("0" * 64) else 200), (path, answer.text)
        for name, value in render.HEADERS.items():
            assert answer.headers[name] == value, (path, name)
        assert "<script" not in answer.text or 'src="/console/assets/console.' in answer.text
        assert not re.search(r"<script(?![^>]* src=)|\son\w+=|style=", answer.text), path
    assert "form-action 'self'" in render.POLICY
    for name in re.findall(r'(?:href|src)="(/console/assets/[^"]+)"', desk.get("/console/sign-in").text):
        assert desk.get(name).status_code == 200


def test_a_record_is_approved_by_the_passkey_that_signs_its_event(either):
    pia, _ = either
    record = waiting(pia)
    page = pia.get(f"/console/records/{record}").text
    assert "ada" in page
    assert "Approve" in page
    before = pia.size()
    answer = pia.act("record-approved", record)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == f"/console/records/{record}?entry={before}"
    assert pia.size() == before + 1
    assert pia.world.status(record) == "accepted"
    assert f"entry {before}" in pia.get(answer.headers["location"]).text


@pytest.mark.parametrize(("kind", "status"), [("record-rejected", "rejected"), ("record-sent-back", "sent-back")])
def test_a_record_is_rejected_or_sent_back(desk, kind, status):
    record = waiting(desk)
    assert desk.act(kind, record, "the interval is too wide").status_code == 303
    assert desk.world.status(record) == status


def test_of_two_editors_at_once_the_second_is_told(either):
    pia, quin = either
    record = waiting(pia)
    seen = str(pia.size())
    late = quin.prepare("record-rejected", record, after=seen)
    assert late.status_code == 200
    assert pia.act("record-approved", record, after=seen).status_code == 303
    form = form_to(late.text, "/console/acts")
    answer = quin.post(form.action, quin.signed(form))
    assert answer.status_code == 409, answer.text
    assert "Somebody was quicker" in answer.text
    assert quin.prepare("record-rejected", record, after=seen).status_code == 409
    assert pia.world.status(record) == "accepted"


def test_a_session_without_its_passkey_decides_nothing(desk):
    record = waiting(desk)
    before = desk.size()
    form = form_to(desk.prepare("record-approved", record).text, "/console/acts")
    assert desk.post(form.action, form.fields).status_code in (400, 401)
    assert desk.post(form.action, desk.signed(form, Authenticator(name="thief"))).status_code == 401
    sign_in = form_to(nobody(desk).get("/console/sign-in").text, "/console/sign-in")
    assert desk.post(form.action, desk.signed(sign_in)[:1] + desk.signed(form)).status_code in (400, 403)
    swapped = [(n, v) for n, v in desk.signed(sign_in) if n != "csrf"]
    kept = [(n, v) for n, v in form.fields if n in ("csrf", "payload")]
    assert desk.post(form.action, kept + swapped).status_code == 401  # signed in, not the event
    assert desk.size() == before
    assert desk.world.status(record) == "pending"


def test_a_form_of_another_page_or_session_does_nothing(desk):
    record = waiting(desk)
    form = form_to(desk.prepare("record-approved", record).text, "/console/acts")
    fields, before = desk.signed(form), desk.size()
    for headers in (
        {"origin": "https://elsewhere.example"},
        {"origin": None},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ):
        assert desk.post(form.action, fields, headers).status_code == 403, headers
    without = [(name, value) for name, value in fields if name != "csrf"]
    assert desk.post(form.action, without).status_code == 403
    assert desk.post(form.action, [("csrf", "0" * 64), *without]).status_code == 403
    other = nobody(desk)
    other.sign_in()
    assert other.post(form.action, fields).status_code == 403
    assert problem(desk.post(form.action, fields, {"content-type": "text/plain", "accept": "*/*"}))["status"] == 415
    assert desk.size() == before


def test_the_same_signed_form_sent_twice_is_one_entry(desk):
    record = waiting(desk)
    form = form_to(desk.prepare("record-approved", record).text, "/console/acts")
    fields, before = desk.signed(form), desk.size()
    first, second = desk.post(form.action, fields), desk.post(form.action, fields)
    assert first.headers["location"] == second.headers["location"]
    assert desk.size() == before + 1


def test_an_act_needs_a_reason_and_a_record_that_is_there(desk):
    record = waiting(desk)
    assert desk.prepare("record-approved", record, "").status_code == 400
    assert desk.prepare("record-approved", "0" * 64).status_code == 404
    assert desk.prepare("registry-created", "x").status_code == 403
    assert desk.prepare("record-approved", record, after="0").status_code == 400
    assert desk.prepare("record-approved", record, after="100000").status_code == 400


def test_an_editor_is_added_and_signs_in_and_is_removed_and_decides_nothing_more(desk):
    passkey = Authenticator(-8, "localhost", "rob")
    text = f'{{"handle": "rob", "key": "{passkey.key.text()}", "next_key_sha256": "{Authenticator(name="next rob").key.id}"}}'
    assert desk.act("editors-changed", "editors", "helps us", add=text).status_code == 303
    rob = Desk(desk.world, desk.client, desk.origin, "rob", passkey)
    assert rob.sign_in().status_code == 303
    record = waiting(desk)
    form = form_to(rob.prepare("record-approved", record).text, "/console/acts")
    fields = rob.signed(form)
    assert desk.act("editors-changed", "editors", "has left", remove="rob").status_code == 303
    before = desk.size()
    assert rob.post(form.action, fields).status_code == 401
    assert rob.get("/console/").status_code == 303
    event = [value for name, value in fields if name == "payload"]
    assert event
    assert rob.sign_in().status_code == 401
    assert desk.size() == before


def test_a_change_that_two_must_sign_waits_for_the_second(either):
    pia, quin = either
    first = pia.act("editors-changed", "editors", "two from now on", threshold="2").headers["location"]
    assert first.startswith("/console/proposals/")  # the new list asks for two already
    assert quin.post(first, quin.signed(form_to(quin.get(first).text, first))).status_code == 303
    before = pia.size()
    answer = pia.act("editors-changed", "editors", "a year more", expires="2027-06-30")
    where = answer.headers["location"]
    assert where.startswith("/console/proposals/")
    assert pia.size() == before
    form = form_to(quin.get(where).text, where)
    done = quin.post(where, quin.signed(form))
    assert done.headers["location"] == f"/console/editors?entry={before}", done.text
    assert quin.get(where).status_code == 404
    assert "2027-06-30" in quin.get("/console/editors").text


def test_nobody_drops_what_waits_for_signatures_and_new_ones_displace_the_own_alone(either):
    """A thief with a session, or one editor of several, could else keep a key from being removed for ever."""
    pia, quin = either
    registry, day = pia.world.registry, 86_400
    theirs = quin.act("editors-changed", "editors", "two must sign", threshold="2").headers["location"]
    csrf = dict(form_to(pia.get(theirs).text, "/console/sign-out").fields)["csrf"]
    assert pia.post(f"{theirs}/drop", {"csrf": csrf}).status_code == 404
    own = [
        pia.act("editors-changed", "editors", f"two {n}", threshold="2").headers["location"]
        for n in range(proposals.MOST_OF_ONE + 2)
    ]
    assert [pia.get(one).status_code for one in (theirs, own[-1])] == [200, 200]
    assert [pia.get(one).status_code for one in own].count(200) == proposals.MOST_OF_ONE
    made = int(time.time())
    assert len(proposals.waiting(registry, made + 13 * day)) == 4
    assert not proposals.waiting(registry, made + 15 * day)


def test_of_two_who_sign_a_proposal_at_once_neither_undoes_the_other_s_signature(tmp_path):
    with console(str(tmp_path / "registry"), "pia", "quin") as (made, [pia, quin]):
        document = editors.changed(made.registry, Change(threshold=3))
        data = editors.propose_editors(made.registry, made.editor(), document, "three from now on")
        challenge = passkeys.challenge_of(data, "x")
        one, two = (
            passkeys.cosigned(data, desk.passkey.key, desk.passkey.assertion(challenge, desk.origin), "x")
            for desk in (pia, quin)
        )
        assert [proposals.keep(made.registry, part).missing for part in (data, one, data, two)] == [2, 1, 1, 0]


def test_an_own_key_changes_to_the_next_that_was_announced(either):
    pia, quin = either
    following = Authenticator(pia.passkey.algorithm, "localhost", f"next {pia.passkey.name}")
    text = '{{"handle": "pia", "key": "{}", "next_key_sha256": "{}"}}'
    wrong = Authenticator(name="wrong").key
    assert pia.prepare("editors-changed", "editors", "new", add=text.format(wrong.text(), "0" * 64)).status_code == 400
    good = text.format(following.key.text(), Authenticator(name="third").key.id)
    assert quin.act("editors-changed", "editors", "her telephone is lost", add=good).status_code == 303
    assert pia.get("/console/").status_code == 303  # the old passkey is signed out
    assert pia.sign_in().status_code == 401
    pia.passkey = following
    assert pia.sign_in().status_code == 303


def test_records_that_are_alike_are_decided_together_each_signed(desk):
    # One operator, two devices: the same words for both.
    first, second = waiting(desk, sku="GeForce RTX 4090"), waiting(desk, sku="GeForce RTX 3090")
    other = waiting(desk, "bea", sku="GeForce RTX 3080")
    page = desk.get("/console/").text
    form = form_to(page, "/console/prepare-several")
    assert set(form.choices["record"]) == {first, second}
    base = [(n, v) for n, v in form.fields if n in ("csrf", "after")] + [
        ("reason", "a whole fleet"),
        ("kind", "record-sent-back"),
    ]
    assert desk.post(form.action, [*base, ("record", first), ("record", other)]).status_code == 400
    answer = desk.post(form.action, [*base, ("record", first), ("record", second)])
    assert answer.status_code == 200, answer.text
    signing = form_to(answer.text, "/console/several")
    assert len(signing.parts) == 2
    before = desk.size()
    done = desk.post(signing.action, desk.signed(signing))
    assert done.status_code == 200, done.text
    assert desk.size() == before + 2
    assert [desk.world.status(one) for one in (first, second, other)] == ["sent-back", "sent-back", "pending"]


def test_a_long_queue_has_pages_that_are_examined_once_for_each_state_of_the_log(desk, monkeypatch):
    monkeypatch.setattr(listing, "ON_A_PAGE", 2)
    looked_at: list[list[str]] = []
    real = listing.examined
    monkeypatch.setattr(listing, "examined", lambda made, ids: looked_at.append(list(ids)) or real(made, ids))
    flood = [waiting(desk, sku=f"GeForce RTX {number}") for number in (3080, 3090, 4090)]
    honest = waiting(desk, "bea", sku="GeForce RTX 4080")
    first = desk.get("/console/").text
    assert "page 1 of 2" in first
    assert looked_at == [[flood[0], honest]]  # of each operator the oldest: a flood displaces nobody
    assert all(f"/console/records/{one}" in desk.get("/console/?page=2").text for one in flood[1:])
    assert flood[2] in desk.get("/console/?page=99").text
    for address in ("/console/", "/console/?remark=unlisted+device"):
        desk.get(address)
    assert len(looked_at) == 3  # two pages, and the last one by another number
    assert "page" not in desk.get("/console/?operator=bea").text.partition("<h1>")[2].partition("Filter")[2]
    desk.act("record-sent-back", honest)
    assert honest not in desk.get("/console/").text
    for odd in ("-1", "x", "1" * 40):
        assert desk.get(f"/console/?page={odd}").status_code == 400


def test_a_witness_is_named_and_removed_and_passkeys_move_to_another_address_of_the_domain(desk):
    vkey = cosignature.vkey(cosignature.Cosigner("w.example/1", key("w1").public_key()))
    page = desk.get("/console/health").text
    assert "None is asked." in page
    answer = desk.act("witness-added", "witness", "of a friend", url="https://w.example", witness_key=vkey)
    assert answer.status_code == 303, answer.text
    page = desk.get("/console/health").text
    assert ("https://w.example" in page, "nothing yet" in page) == (True, True)
    assert desk.act("witness-removed", "w.example/1", "gone").status_code == 303
    assert "None is asked." in desk.get("/console/health").text
    for wrong in (
        {"url": "file:///etc/passwd", "witness_key": vkey},
        {"url": "https://w.example", "witness_key": "x"},
        {},
    ):
        assert desk.prepare("witness-added", "witness", "of a friend", **wrong).status_code in (400, 409)
    assert desk.prepare("passkeys-allowed", "https://evil.example", "a mistake").status_code == 400
    moved = desk.origin.partition(":")[0] + "://localhost:9"
    assert desk.act("passkeys-allowed", moved, "another port", rp_id="localhost").status_code == 303
    assert desk.prepare("record-approved", "ab" * 32).status_code == 403  # this address is no longer the console's


def test_operators_are_verified_linked_and_a_key_is_revoked(desk):
    record = waiting(desk)
    waiting(desk, "bea")
    for kind, subject, more in (
        ("operator-verified", "ada", {}),
        ("operators-tied", "ada", {"other": "bea"}),
        ("operators-untied", "ada", {"other": "bea"}),
        ("operator-unverified", "ada", {}),
    ):
        answer = desk.act(kind, subject, "seen by an editor", **more)
        assert answer.status_code == 303, answer.text
    told = {"events_per_hour": "100", "events_per_day": "300", "pending_records": "9", "until": day_after(30)}
    assert desk.act("limits-raised", "ada", "a fleet", **told).status_code == 303
    assert "100 events an hour" in desk.get("/console/operators/ada").text
    assert desk.prepare("limits-raised", "ada", "more", **told | {"events_per_day": "7"}).status_code == 400
    assert desk.act("limits-ended", "ada", "the fleet is gone").status_code == 303
    page = desk.get("/console/operators/ada").text
    key = next(dict(one.fields) for one in forms(page) if ("kind", "key-revoked") in one.fields)
    answer = desk.act("key-revoked", key["subject"], "stolen", from_index="0")
    assert answer.status_code == 303, answer.text
    assert desk.world.status(record) == "rejected"
    assert "Undo the revocation" in desk.get("/console/operators/ada").text
    assert desk.act("key-unrevoked", key["subject"], "it was another's").status_code == 303


def day_after(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def test_reports_of_a_row_are_closed(desk):
    row = desk.world.accepted("ada")
    desk.world.join("bea")
    desk.world.act(desk.world.actor("bea"), "row-reported", row, reason="its memory is not that card's")
    assert "memory is not that card" in desk.get("/console/reports").text
    assert desk.act("reports-closed", row, "the operator has explained it").status_code == 303
    assert "the operator has explained it" in desk.get("/console/reports").text
    assert desk.prepare("reports-closed", row, "again").status_code == 400


def test_requests_are_decided(desk):
    desk.world.join("ada")
    detail = {"model": "gemma 3", "hardware": "any", "runtime": "llama.cpp"}
    desk.world.act(desk.world.actor("ada"), "request-opened", "a" * 64, reason="we wonder", detail=detail)
    assert "gemma 3" in desk.get("/console/requests").text
    assert desk.act("request-accepted", "a" * 64, "many wonder").status_code == 303
    assert desk.act("request-archived", "a" * 64, "nobody has one").status_code == 303
    assert desk.act("request-revived", "a" * 64, "somebody has one").status_code == 303


def test_an_enrolment_that_no_demonstration_has_is_not_there(desk):
    assert desk.post("/console/demonstration", {"editor": "{}"}).status_code == 404


def test_a_registry_that_is_real_does_not_start_with_the_demonstration_s_door(tmp_path):
    service = Service(world(str(tmp_path / "registry")).registry, key("registry"), Settings(enrol=lambda *_: 0))
    with pytest.raises(BadInput, match="only a demonstration"):
        service.start()


def test_a_registry_that_allows_no_passkeys_says_so(tmp_path):
    made = world(str(tmp_path / "registry"))
    with served(made.registry, key("registry"), limited=False) as client:
        answer = client.get("/console/sign-in", headers={"accept": "text/html"})
        assert "has not said yet where passkeys count" in answer.text
        assert client.post("/console/sign-in", headers={"origin": "http://localhost"}).status_code == 403


def test_a_second_editor_needs_a_passkey_of_this_domain(desk):
    with pytest.raises(Exception, match="is for elsewhere"):
        add_editor(desk.world, "rob", Authenticator(-8, "elsewhere.example", "rob"))


HOSTILE = (
    "", " ", "0", "-1", "9" * 400, "\u202e", "\ud800", "a" * 5000, "../../etc/passwd", "<script>alert(1)</script>", "'; DROP TABLE x; --",
    "{" * 2000, '{"handle": 1}', '{"handle": "x", "key": "passkey:es256:04:00:localhost", "next_key_sha256": "zz"}', "AAAA", "=", "%", "e" * 64, "É",
)  # fmt: skip
FIELDS = (
    "kind", "subject", "reason", "template", "after", "row", "other", "from_index", "of", "add", "remove", "threshold", "expires", "approvals",
    "events_per_hour", "until", "record", "payload", "credential", "authenticator_data", "client_data_json", "signature", "handle", "editor",
    "attestation_object",
)  # fmt: skip
KINDS_TRIED = (
    "record-approved",
    "record-moved",
    "operators-tied",
    "key-revoked",
    "request-marked-duplicate",
    "editors-changed",
    "policy-adopted",
)


def test_hostile_forms_and_addresses_change_nothing_and_the_console_never_fails(desk):
    record, chosen = waiting(desk), random.Random(7)
    csrf = dict(form_to(desk.get("/console/health").text, "/console/sign-out").fields)["csrf"]
    paths = [
        "/console/prepare",
        "/console/prepare-several",
        "/console/acts",
        "/console/several",
        "/console/proposals/" + "0" * 64,
    ]
    paths += ["/console/passkeys/new", "/console/sign-in"]
    before, seen = desk.size(), set()
    for number in range(300):
        fields = {name: chosen.choice(HOSTILE) for name in chosen.sample(FIELDS, 8)}
        fields |= {"csrf": csrf if number % 10 else chosen.choice(HOSTILE)}
        if number % 2:
            fields |= {
                "kind": chosen.choice(KINDS_TRIED),
                "after": str(before),
                "subject": chosen.choice((record, "ada", *HOSTILE)),
            }
        body = "&".join(f"{name}={quote(value, errors='surrogatepass')}" for name, value in fields.items())
        answer = desk.post_raw(chosen.choice(paths), body.encode())
        seen.add(answer.status_code)
        assert answer.status_code in (200, 303, 400, 401, 403, 404, 409, 422), (fields, answer.text)
    for text in HOSTILE:
        name = quote(text[:300], safe="", errors="surrogatepass")
        for path in (f"/console/records/{name}", f"/console/operators/{name}", f"/console/?text={name}&operator={name}&remark={name}",
                     f"/console/log?of={name}&before={name}", f"/console/passkeys/new?handle={name}", f"/console/requests?status={name}",
                     f"/console/assets/{name}", f"/console/proposals/{name}", f"/console/editors?entry={name}"):  # fmt: skip
            assert desk.get(path).status_code in (200, 303, 400, 404, 405), path
    assert {400, 403, 404} <= seen
    assert desk.size() == before
    assert desk.post_raw("/console/prepare", b"csrf=" + b"a" * (2 << 20)).status_code == 413
    assert desk.post_raw("/console/prepare", b"%00=%00&" * 300).status_code == 400


def test_every_act_of_the_console_is_one_of_the_log_and_has_words():
    offered = {kind for step in words.REQUEST_STEPS.values() for kind in step} | set(words.SEVERAL)
    assert set(events.KINDS) >= drafts.KINDS
    assert set(RULES) >= drafts.KINDS
    assert set(words.ACTS) >= drafts.KINDS
    assert offered <= drafts.KINDS
