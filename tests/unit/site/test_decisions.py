"""The changelog of public decisions and its feed: what they say, and above all what they do not."""

from __future__ import annotations

import random
import re
from contextlib import suppress
from datetime import date, datetime
from hashlib import sha256
from html import unescape
from xml.etree import ElementTree

import pytest

from harness.errors import BadInput
from harness.record.envelope import key_id
from harness.registry.actions import acts
from harness.registry.facts import EvidenceFact, OperatorFact, RecordFact
from harness.registry.queries.active_policy import in_force
from harness.registry.queries.history import acts_of
from harness.site.data.values import Site
from harness.site.pages import decisions, feed
from tests.support.registry_world import World, editors, key, world
from tests.support.site_world import gathered

BASE = "https://bench.example/registry/"
ATOM = "{http://www.w3.org/2005/Atom}"
HOSTILE = "<script>alert('x')</script> ]]> & \"quoted\" \u202e\x00\x1b back"


@pytest.fixture
def small(tmp_path) -> World:
    return world(str(tmp_path / "registry"))


@pytest.fixture
def two(tmp_path) -> World:
    """A registry where two of its three editors must approve a record."""
    return world(str(tmp_path / "registry"), "ed", "ned", "ted", approvals=2)


def site_of(reader) -> Site:
    loaded = in_force(reader)
    return Site(
        reader.origin(), BASE, loaded.policy, "network-v2", loaded.sha256, date(2026, 11, 24), reader.size(), False
    )


def built(place: World, since: int = 0) -> dict[str, bytes]:
    with place.registry.reading() as reader:
        return dict(decisions.files(reader, site_of(reader), gathered(reader), decisions.newest_acts(reader), since))


def fed(place: World) -> bytes:
    with place.registry.reading() as reader:
        ((path, data),) = feed.files(reader, site_of(reader), decisions.newest_acts(reader))
    assert path == "feed.xml"
    return data


def everything(place: World) -> str:
    """As a reader sees it, and as it is written."""
    data = b"".join([*built(place).values(), fed(place)]).decode()
    return data + unescape(data)


def public(place: World, first: int = 0) -> list[decisions.Act]:
    with place.registry.reading() as reader:
        return decisions.public(reader, first)


def sentences(place: World) -> list[str]:
    return [act.sentence for act in public(place)]


def size_of(place: World) -> int:
    with place.registry.reading() as reader:
        return reader.size()


def request(place: World, name: str, number: int, model: str = "a model", reason: str = "") -> str:
    identity = sha256(f"request {number}".encode()).hexdigest()
    place.join(name)
    detail = {"model": model, "hardware": "a device", "runtime": "an engine"}
    place.act(place.actor(name), "request-opened", identity, reason=reason, detail=detail)
    return identity


def evidence(place: World, row: str, number: int = 0, tool: str = "llama-bench") -> str:
    identity = sha256(f"evidence {number}".encode()).hexdigest()
    told = {
        "tool": tool, "tool_version": "", "engine": "llama.cpp", "model": "m", "quantisation": "Q4_K_M", "device": "d",
        "metric": "decode_rate", "prompt_tokens": 0, "output_tokens": 128, "depth": 0, "samples_micro": [1], "measured": "",
    }  # fmt: skip
    detail = {"row": row, "source_sha256": "0" * 64, "evidence": told}
    place.act(place.editor(), "evidence-imported", identity, reason="seen elsewhere", detail=detail)
    return identity


def test_what_was_never_accepted_never_appears(small):
    row = small.accepted("ann")
    hidden = {
        "pending": small.record("zoe-pending"),
        "rejected": small.record("zoe-rejected"),
        "sent": small.record("zoe-sent"),
        "withdrawn": small.record("zoe-withdrawn"),
        "dropped": small.record("zoe-dropped"),
        "beside": small.record("zoe-beside", sku="Synthetic GPU Q"),
    }
    for word, found in hidden.items():
        small.submit(found, "" if word == "beside" else row)
    small.act(small.editor(), "record-rejected", hidden["rejected"].id, reason="secret one")
    small.act(small.editor(), "record-sent-back", hidden["sent"].id, reason="secret two")
    small.act(small.actor("zoe-withdrawn"), "record-withdrawn", hidden["withdrawn"].id, reason="secret three")
    small.act(small.editor(), "record-rejected", hidden["dropped"].id, reason="secret four")
    small.act(small.editor(), "body-dropped", hidden["dropped"].id, reason="secret five")
    evidence(small, hidden["beside"].id)
    acts.challenge(small.registry, key("registry"), "zoe-pending", 7)
    text = everything(small)
    assert "secret" not in text
    assert "zoe" not in text
    assert not [word for word, found in hidden.items() if found.id[:8] in text]
    assert [act.kind for act in public(small)] == ["registry-created", "record-approved"]
    assert f"{size_of(small) - 2} entries are not listed" in text


def test_the_page_says_that_records_came_along_and_where_from(small):
    row = small.accepted("ann")
    red = small.accepted("bob", row, rate=60.0)
    small.act(small.actor("ann"), "record-withdrawn", row, reason="never mind")
    again = small.accepted("eve", rate=101.0)
    came = f"; it came along from row {row[:12]}, which closed"
    told = sentences(small)
    assert f"ed approved record {red[:12]} by bob, a reproduction in row {again[:12]}{came}" in told
    assert told[-1] == (
        f"ed approved record {again[:12]} by eve, a row of its own; "
        "records of closed rows of its subject and device that came along: 1"
    )
    small.act(small.actor("eve"), "record-withdrawn", again, reason="never mind")
    third = small.accepted("fay", rate=100.0)
    came = f"; it came along from row {row[:12]}, then row {again[:12]}, which closed"
    assert f"ed approved record {red[:12]} by bob, a reproduction in row {third[:12]}{came}" in sentences(small)
    assert came in unescape(re.sub("<[^>]*>", "", everything(small)))


def test_a_row_that_was_never_public_has_no_name_where_its_records_came_from(small):
    hub = small.record("zoe")
    small.submit(hub)
    waits = small.record("bob", rate=100.5)
    small.submit(waits, hub.id)
    small.act(small.editor(), "record-rejected", hub.id, reason="secret")
    again = small.accepted("eve", rate=101.0)
    small.approve(waits.id)
    assert sentences(small)[-1] == (
        f"ed approved record {waits.id[:12]} by bob, a reproduction in row {again[:12]}"
        "; it came along from a row that was never public, which closed"
    )
    assert hub.id[:8] not in everything(small)


def test_what_happens_to_a_public_record_is_public(small):
    row = small.accepted("ann")
    other = small.accepted("bob", row)
    small.act(small.editor(), "record-rejected", other, reason="its device was another")
    small.act(small.actor("ann"), "record-withdrawn", row, reason="a wrong driver")
    small.act(small.editor(), "body-dropped", row, reason="named a person")
    assert sentences(small)[1:] == [
        f"ed approved record {row[:12]} by ann, a row of its own",
        f"ed approved record {other[:12]} by bob, a reproduction in row {row[:12]}",
        f"ed rejected record {other[:12]} by bob, which had been approved",
        f"ann withdrew record {row[:12]}",
        f"ed took down the bytes of record {row[:12]} by ann; the log keeps their digests",
    ]
    assert [act.reason for act in public(small)][3:] == ["its device was another", "", "named a person"]


def test_a_first_approval_of_two_is_not_public(two):
    found = two.record("ann")
    two.submit(found)
    two.approve(found.id, "ned", "secret")
    assert found.id[:8] not in everything(two)
    two.approve(found.id, "ed", "good")
    assert sentences(two)[1:] == [
        f"ed approved record {found.id[:12]} by ann, a row of its own; ned had approved it before"
    ]
    assert "secret" not in everything(two)


def test_an_approval_by_someone_who_is_no_editor_any_more_counts_no_more(two):
    found = two.record("ann")
    two.submit(found)
    two.approve(found.id, "ned")
    with two.registry.reading() as reader:
        event = acts.event(
            reader, two.editor(), "editors-changed", "editors", reason="ned left",
            detail={"editors": editors("ed", "ted", version=2)},
        )  # fmt: skip
    two.raw(event, key("ed"))
    two.approve(found.id, "ed")
    assert [act.kind for act in public(two)] == ["registry-created", "editors-changed"]
    two.approve(found.id, "ted")
    assert [act.kind for act in public(two)][2:] == ["record-approved"]
    assert public(two, size_of(two) - 1) == public(two)[-1:]


def test_acts_on_people_and_keys_are_public(small):
    small.accepted("ann")
    small.accepted("bob", rate=101.0)
    small.act(small.editor(), "operator-verified", "ann", reason="saw it")
    small.act(small.editor(), "operators-tied", "ann", reason="one device", detail={"other": "bob"})
    small.act(small.editor(), "operator-unverified", "ann", reason="sold it")
    own = key_id(small.person("bob").operator.public_key())
    small.act(small.editor(), "key-revoked", own, reason="stolen", detail={"from_index": 3})
    assert sentences(small)[-4:] == [
        "ed verified that ann owns the hardware",
        "ed recorded that ann and bob are one person, who counts once from here on",
        "ed took back the verification of ann",
        f"ed revoked the key {own[:12]} of bob: what it signed at entry 3 or later counts no more",
    ]


def test_requests_that_an_editor_took_up_and_evidence_are_public(small):
    row = small.accepted("ann")
    first, second = request(small, "ann", 1), request(small, "ann", 2, "another model")
    for identity in (first, second):
        small.act(small.editor(), "request-accepted", identity, reason="useful")
    small.act(small.actor("ann"), "request-claimed", first)
    small.act(small.actor("ann"), "request-released", first)
    small.act(small.editor(), "request-marked-duplicate", second, reason="twice", detail={"of": first})
    small.act(small.editor(), "request-rejected", request(small, "ann", 3, "an insult"), reason="no")
    small.act(small.editor(), "evidence-removed", evidence(small, row), reason="not theirs")
    assert sentences(small)[2:] == [
        "ed accepted the request for a model on a device with an engine",
        "ed accepted the request for another model on a device with an engine",
        f"ed put numbers of another tool (llama-bench) beside row {row[:12]}; they are shown and never counted",
        f"ed removed numbers of another tool from beside row {row[:12]}",
    ]


def test_hostile_words_are_escaped(small):
    row = small.accepted("ann")
    found = small.record("bob", rate=101.0)
    small.submit(found)
    small.approve(found.id, reason=HOSTILE)
    small.act(
        small.editor(),
        "request-accepted",
        request(small, "ann", 1, model="<img src=x>", reason=HOSTILE),
        reason=HOSTILE,
    )
    evidence(small, row, tool="<b>tool</b>")
    for data in built(small).values():
        text = data.decode()
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "<b>" not in text
        assert "<bdi>&lt;script&gt;alert" in text
        assert "\x00" not in text
        assert "\x1b" not in text
    summaries = [one.findtext(f"{ATOM}summary") for one in ElementTree.fromstring(fed(small)).iter(f"{ATOM}entry")]
    assert any("<script>alert('x')</script> ]]> &" in (text or "") for text in summaries)


def test_links_lead_to_pages_that_are_there(small):
    row = small.accepted("ann")
    page = built(small)["decisions/0.html"].decode()
    assert f'href="../rows/{row[:16]}/index.html"' in page
    assert 'href="../operators/ann.html"' in page
    small.act(small.actor("ann"), "record-withdrawn", row, reason="a wrong driver")
    page = built(small)["decisions/0.html"].decode()
    assert "../rows/" not in page
    assert "../operators/ann" not in page
    with small.registry.reading() as reader:
        assert not gathered(reader).operators


def test_an_editor_who_joined_as_an_operator_later_is_linked_from_then_on(small):
    small.accepted("ann")
    who = small.person("ed")
    with small.registry.reading() as reader:
        event = acts.event(
            reader, small.editor(), "operator-joined", "ed",
            detail={
                "operator_key": who.operator.public_key().public_bytes_raw().hex(),
                "next_key_sha256": key_id(who.following.public_key()),
            },
        )  # fmt: skip
    small.raw(event, key("ed"), who.operator)
    small.act(small.editor(), "operator-verified", "ed", reason="it is me")
    page = built(small)["decisions/0.html"].decode()
    assert page.count('<a href="../operators/ed.html"><bdi>ed</bdi></a> verified') == 1
    assert "<bdi>ed</bdi> founded" in page
    assert page.count("operators/ed.html") == 2  # its author, and whom it is about


def step(place: World, chance: random.Random, number: int, approve_by: tuple[str, ...]) -> None:
    """Something that may happen at a registry."""
    with place.registry.reading() as reader:
        records, operators = reader.all(RecordFact), sorted(reader.all(OperatorFact))

    def some(*statuses: str) -> str | None:
        found = sorted(name for name, fact in records.items() if fact.status in statuses and not fact.dropped)
        return chance.choice(found) if found else None

    kind, reason = chance.choice(["submit", "submit", "submit", *["approve"] * 6, "reject", "back", "withdraw", "drop",
                                  "verify", "request", "evidence", "revoke"]), f"reason {number}"  # fmt: skip
    if kind == "submit":
        name = f"op-{chance.randrange(8)}"
        row = some("accepted") if chance.random() < 0.6 else None
        row = records[row].row if row else None
        if row is not None and records[row].status == "accepted":
            found = place.record(name, seed=number)
            place.submit(found, row)
        else:
            place.submit(place.record(name, seed=number, sku=f"Synthetic GPU {number}"))
    elif kind == "approve" and (one := some("pending", "sent-back", "rejected")):
        fact = records[one]
        if not fact.revoked and (fact.row == one or records[fact.row].status == "accepted"):
            place.approve(one, chance.choice(approve_by), reason)
    elif kind == "reject" and (one := some("pending", "accepted", "sent-back")):
        place.act(place.editor(), "record-rejected", one, reason=reason)
    elif kind == "back" and (one := some("pending")):
        place.act(place.editor(), "record-sent-back", one, reason=reason)
    elif kind == "withdraw" and chance.random() < 0.4 and (one := some("pending", "accepted", "rejected")):
        place.act(place.actor(records[one].operator), "record-withdrawn", one, reason=reason)
    elif kind == "drop" and (one := some("rejected", "withdrawn")):
        place.act(place.editor(), "body-dropped", one, reason=reason)
    elif kind == "verify" and operators:
        word = chance.choice(["operator-verified", "operator-unverified"])
        place.act(place.editor(), word, chance.choice(operators), reason=reason)
    elif kind == "request" and operators:
        request(place, chance.choice(operators), number)
    elif kind == "evidence" and (one := some("accepted", "pending")):
        evidence(place, records[one].row, number)
    elif kind == "revoke" and operators and chance.random() < 0.15:
        own = key_id(place.person(chance.choice(operators)).operator.public_key())
        since = chance.randrange(size_of(place))
        place.act(place.editor(), "key-revoked", own, reason=reason, detail={"from_index": since})


@pytest.mark.parametrize("seed", range(4))
def test_over_a_long_story(tmp_path, monkeypatch, seed):
    """What is public is what the registry itself once held accepted; and a later build needs nothing but its own pages."""
    monkeypatch.setattr(decisions, "PAGE", 5)
    monkeypatch.setattr(decisions, "NEWEST", 7)
    names = ("ed", "ned") if seed % 2 else ("ed",)
    place = world(str(tmp_path / "registry"), *names, approvals=len(names))
    chance = random.Random(seed)
    kept, accepted_at = {}, {}
    for number in range(90):
        with suppress(BadInput):  # by the rules it may not be
            step(place, chance, number, names)
        with place.registry.reading() as reader:
            size = reader.size()
            for name, fact in reader.all(RecordFact).items():
                if fact.status == "accepted":
                    accepted_at.setdefault(name, size - 1)
        kept[size] = built(place)
    whole = built(place)
    for since, before in kept.items():
        assert {**before, **built(place, since)} == whole, since
    told = public(place)
    for first in range(0, size_of(place), 3):
        assert public(place, first) == [act for act in told if act.index >= first]
    shown = {act.index for act in told}
    with place.registry.reading() as reader:
        everything_said = acts_of(reader)
        evidences = reader.all(EvidenceFact)
    for act in everything_said:
        about = evidences[act["subject"]].row if act["kind"].startswith("evidence") else act["subject"]
        if act["kind"] in decisions.KINDS and act["kind"].startswith(("record-", "body-", "evidence-")):
            assert (act["index"] in shown) == (accepted_at.get(about, 10**9) <= act["index"]), act
    assert len(accepted_at) > 3
    assert len({act.kind for act in told}) > 6
    text = everything(place)
    for act in everything_said:
        if act["kind"] == "record-submitted" and act["subject"] not in accepted_at:
            assert act["subject"][:8] not in text


def test_since_yields_the_last_page_and_those_that_changed_alone(small, monkeypatch):
    monkeypatch.setattr(decisions, "PAGE", 4)
    row = small.accepted("ann")
    for number in range(20):
        request(small, "ann", number)
    since = size_of(small)
    request(small, "ann", 99)
    last = (since - 1) // 4
    assert set(built(small, since)) - {f"decisions/{last + 1}.html"} == {
        f"decisions/{last}.html",
        "decisions/index.html",
    }
    since = size_of(small)
    small.act(small.actor("ann"), "record-withdrawn", row, reason="a wrong driver")
    assert "decisions/0.html" in built(small, since)  # its row's page and ann's are gone


def test_pages_hold_five_hundred_entries_and_lead_to_each_other(small):
    small.join("ann")
    for number in range(600):
        small.act(small.editor(), f"operator-{'un' * (number % 2)}verified", "ann", reason=f"visit {number}")
    pages = built(small)
    assert set(pages) == {"decisions/0.html", "decisions/1.html", "decisions/index.html"}
    assert b'id="entry-499"' in pages["decisions/0.html"]
    assert b'id="entry-500"' in pages["decisions/1.html"]
    assert b'href="1.html"' in pages["decisions/0.html"]
    assert b'href="0.html"' in pages["decisions/1.html"]
    index = pages["decisions/index.html"].decode()
    assert index.count("<tr id=") == decisions.NEWEST
    assert index.index('id="entry-601"') < index.index('id="entry-600"')
    assert 'href="0.html"' in index
    assert len(ElementTree.fromstring(fed(small)).findall(f"{ATOM}entry")) == 50


def test_the_feed_has_all_that_atom_asks_for(small):
    small.accepted("ann")
    small.act(small.editor(), "operator-verified", "ann", reason="saw it")
    found = ElementTree.fromstring(fed(small))
    assert found.tag == f"{ATOM}feed"
    entries = found.findall(f"{ATOM}entry")
    assert len(entries) == len(public(small)) == 3
    assert found.findtext(f"{ATOM}updated") == entries[0].findtext(f"{ATOM}updated") == public(small)[-1].at
    links = {link.get("rel"): link.get("href") for link in found.findall(f"{ATOM}link")}
    assert links["self"] == f"{BASE}feed.xml"
    ids = [one.findtext(f"{ATOM}id") for one in (found, *entries)]
    assert len(set(ids)) == 4
    assert all(identity.startswith("tag:test.example,20") for identity in ids)
    for one in (found, *entries):
        for name in ("title", "updated", "author/" + ATOM + "name"):
            assert one.findtext(f"{ATOM}{name}")
        datetime.fromisoformat(one.findtext(f"{ATOM}updated"))
    assert entries[0].findtext(f"{ATOM}title") == "ed verified that ann owns the hardware"
    assert entries[0].findtext(f"{ATOM}summary") == "saw it"
    assert entries[0].find(f"{ATOM}link").get("href") == f"{BASE}decisions/0.html#entry-{public(small)[-1].index}"


def test_an_entry_of_the_feed_keeps_its_id(small):
    small.accepted("ann")
    before = {one.findtext(f"{ATOM}id") for one in ElementTree.fromstring(fed(small)).iter(f"{ATOM}entry")}
    small.accepted("bob", rate=101.0)
    after = {one.findtext(f"{ATOM}id") for one in ElementTree.fromstring(fed(small)).iter(f"{ATOM}entry")}
    assert before < after


def test_the_same_registry_gives_the_same_bytes(small):
    small.accepted("ann")
    assert built(small) == built(small)
    assert fed(small) == fed(small)
