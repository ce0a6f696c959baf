"""The console leaves nobody without a way on: what is refused says how it is now, and what is not shown is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import Conflict
from harness.record.envelope import key_id
from harness.registry.actions import requests
from harness.registry.actions.evidence import cite
from harness.registry.actions.review import Decision, decide
from harness.registry.intake import external
from harness.service.console import pages
from tests.support.console_desk import console, nobody
from tests.support.console_forms import form_to, forms
from tests.support.failed_runs import submitted

LOG = Path(__file__).parents[2] / "data" / "imported" / "llama-bench.json"


@pytest.fixture
def desks(tmp_path):
    with console(str(tmp_path / "registry"), "pia", "quin") as (_, found):
        for one in found:
            one.sign_in()
        yield found


def waiting(desk, name="ada", **setup):
    found = desk.world.record(name, **setup)
    desk.world.submit(found)
    return found.id


def test_a_record_whose_bytes_were_taken_down_says_so_and_asks_for_no_decision(desks):
    pia, _ = desks
    record = waiting(pia)
    for kind in ("record-rejected", "body-dropped"):
        assert pia.act(kind, record).status_code == 303
    page = pia.get(f"/console/records/{record}").text
    assert "Its bytes were taken down" in page
    assert "cannot be examined" not in page
    assert 'value="record-approved"' not in page


def test_who_was_late_is_led_to_the_record_and_stays_signed_in(desks):
    pia, quin = desks
    record = waiting(pia)
    size = str(pia.size())
    assert quin.act("record-rejected", record).status_code == 303
    late = pia.prepare("record-approved", record, after=size)
    assert late.status_code == 409
    assert f'href="/console/records/{record}"' in late.text
    assert "Sign out" in late.text
    nobody = pia.client.post("/console/acts", headers={"accept": "text/html"})
    assert (nobody.status_code, 'href="/console/sign-in"' in nobody.text) == (401, True)


@pytest.mark.parametrize("reason", ["", " \n", "\u200b\u200b"])
def test_an_act_without_a_reason_is_refused_in_the_words_of_the_page(desks, reason):
    pia, _ = desks
    refused = pia.prepare("record-approved", waiting(pia), reason)
    assert refused.status_code == 400
    assert "go back, and choose or write one" in refused.text
    assert "--reason" not in refused.text


def test_an_editor_whose_approval_is_there_can_not_give_it_again(desks):
    pia, quin = desks
    assert pia.act("policy-adopted", "network-v3", approvals="2").status_code == 303
    assert "network-v3" in pia.get("/console/policy").text.partition("Adopt a policy")[0]
    record, failed = waiting(pia), submitted(pia.world, "bea")
    for kind, one in (("record-approved", record), ("failure-approved", failed)):
        assert pia.act(kind, one).status_code == 303
        size = pia.size()
        again = pia.prepare(kind, one)
        assert (again.status_code, "approval of pia already, 1 of 2" in again.text) == (409, True), again.text
        assert quin.act(kind, one).status_code == 303
        assert pia.size() == size + 1
    other = waiting(pia, "cyd", sku="GeForce RTX 3080")
    decide(pia.world.registry, pia.world.editor(), Decision.APPROVE, other, "complete")
    with pytest.raises(Conflict, match="approval of ed already, 1 of 2"):
        decide(pia.world.registry, pia.world.editor(), Decision.APPROVE, other, "complete, again")


def test_a_threshold_of_none_is_refused_and_not_taken_for_the_present_one(desks):
    pia, _ = desks
    refused = pia.prepare("editors-changed", "editors", threshold="0")
    assert (refused.status_code, "must be a number from 1" in refused.text) == (400, True)


def test_an_operators_page_and_the_log_of_one_lead_to_all_that_there_is(desks, monkeypatch):
    pia, _ = desks
    monkeypatch.setattr(pages, "LINES", 2)
    failed = submitted(pia.world, "ada")
    ids = [waiting(pia, sku=f"GeForce RTX {number}090") for number in (3, 4, 5)]
    page = pia.get("/console/operators/ada").text
    assert f"/console/records/{failed}" in page
    assert 'href="/console/log?of=ada">All 5 in the log' in page
    path, seen = "/console/log?of=ada", ""
    while path:
        shown = pia.get(path).text
        seen += shown
        path = shown.partition('<p><a href="')[2].partition('">Earlier')[0].replace("&amp;", "&")
    assert all(one[:24] in seen for one in (*ids, failed))


def test_other_tools_numbers_are_removed_on_the_page_of_their_row_once(desks):
    pia, quin = desks
    row = waiting(pia)
    assert pia.act("record-approved", row).status_code == 303
    log = LOG.read_bytes()
    payloads = [external.as_payload(one) for one in external.read(log, "log")]
    cite(pia.world.registry, pia.world.editor(), row, log, payloads, "a forum <b>")
    page = pia.get(f"/console/records/{row}").text
    assert "a forum &lt;b&gt;" in page
    one, *_ = [form for form in forms(page) if ("kind", "evidence-removed") in form.fields]
    subject = dict(one.fields)["subject"]
    done = pia.act("evidence-removed", subject, "another machine")
    assert done.headers["location"].startswith(f"/console/records/{row}?entry=")
    assert subject[:12] not in pia.get(f"/console/records/{row}").text.partition('id="acts"')[0]
    twice = quin.prepare("evidence-removed", subject, "another machine")
    assert (twice.status_code, "was removed before" in twice.text) == (409, True)


def test_what_is_signed_is_named_and_a_key_leads_back_to_its_operator(desks):
    pia, _ = desks
    pia.world.join("ada")
    made = requests.open_request(
        pia.world.registry, pia.world.actor("ada"), model="m <b>", hardware="GPU", runtime="vLLM"
    )
    page = pia.prepare("request-accepted", made.request).text
    assert "m &lt;b&gt; on GPU, vLLM, asked for by ada" in page
    failed = submitted(pia.world, "ada")
    assert "a run that failed (out of memory), by ada" in pia.prepare("failure-approved", failed).text
    key = key_id(pia.world.person("ada").operator.public_key())
    assert "a key of ada, since entry" in pia.prepare("key-revoked", key, from_index=str(pia.size())).text
    done = pia.act("key-revoked", key, from_index=str(pia.size()))
    assert done.headers["location"].startswith("/console/operators/ada?entry=")
    back = pia.act("key-unrevoked", key)
    assert back.headers["location"].startswith("/console/operators/ada?entry=")


def test_a_form_that_no_script_has_filled_says_so(desks):
    pia, _ = desks
    form = form_to(nobody(pia).get("/console/sign-in").text, "/console/sign-in")
    refused = nobody(pia).post(form.action, form.fields)
    assert (refused.status_code, "with its script" in refused.text) == (400, True)
    form = form_to(nobody(pia).get("/console/passkeys/new?handle=rob").text, "/console/passkeys/new")
    refused = nobody(pia).post(form.action, form.fields)
    assert (refused.status_code, "with its script" in refused.text) == (400, True)
