"""The verbs of a registry as functions: what a command, a service and a notebook call alike."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput, Conflict, RecordInvalid
from harness.progress import SILENT
from harness.record.editor_keys import EditorSigners, PublicEditor
from harness.record.envelope import key_id
from harness.registry.actions import acts, editors, operators, requests, submissions
from harness.registry.actions.evidence import cite
from harness.registry.actions.founding import Plan, create_registry
from harness.registry.actions.introduction import Link
from harness.registry.actions.review import Decision, decide, move
from harness.registry.exchange.rebuild import rebuild
from harness.registry.intake import external
from harness.registry.queries.challenges import usable
from harness.registry.queries.queue import listed, shown
from tests.support.registry_world import World, key, text, world

ALL_ACTIONS = sorted(Path("harness/registry/actions").glob("*.py"))


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(str(tmp_path / "registry"))


def entries(made: World) -> int:
    with made.registry.reading() as reader:
        return reader.size()


def editor(name: str = "ed") -> EditorSigners:
    public = PublicEditor(name, text(key(name)), key_id(key(f"next:{name}").public_key()))
    return EditorSigners(public, key(name))


def wrote_nothing(made: World, call: Any, words: str, kind: type[Exception] = BadInput) -> None:
    before = entries(made)
    with pytest.raises(kind, match=words):
        call()
    assert entries(made) == before


def test_actions_need_no_command_line():
    names = [f"harness.registry.actions.{path.stem}" for path in ALL_ACTIONS if path.stem != "__init__"]
    program = (
        f"import sys; [__import__(name) for name in {names!r}]; "
        "print([n for n in sys.modules if n.split('.')[0] in ('click', 'rich') or n.startswith(('harness.commands', 'harness.terminal'))])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert len(names) >= 9
    assert found.stdout.strip() == "[]"


def test_commands_do_not_call_each_other():
    for path in sorted(Path("harness/commands").glob("*.py")):
        words = path.read_text(encoding="utf-8")
        if path.name == "registry.py":  # it only puts its group together
            words = re.sub(r"^from harness\.commands\.registry_\w+ import .+$", "", words, flags=re.MULTILINE)
        assert "from harness.commands" not in words, path


def test_a_registry_is_founded_or_leaves_nothing(tmp_path):
    asked: list[str] = []

    def own() -> Any:
        asked.append("key")
        return key("registry")

    for plan, words in [
        (Plan(str(tmp_path / "r"), "x.example/r", "no-such-policy"), "no-such-policy"),
        (Plan(str(tmp_path / "r"), "x.example/r", "network-v3", approvals=0, expires="2001-01-01"), "has passed"),
        (Plan(str(tmp_path / "r"), "x.example/r", "network-v3", expires="2999-01-01"), "is after"),
        (Plan(str(tmp_path / "r"), "not an origin", "network-v3"), "must be an origin"),
    ]:
        with pytest.raises(BadInput, match=words):
            create_registry(plan, editor(), own, tmp_path / "seen")
    assert asked == []
    assert not (tmp_path / "r").exists()
    made = create_registry(
        Plan(str(tmp_path / "r"), "x.example/r", "network-v3", approvals=2), editor(), own, tmp_path / "seen"
    )
    assert made.approvals == 2
    with made.registry.reading() as reader:
        assert (reader.origin(), reader.size(), reader.checkpoint() is not None) == ("x.example/r", 1, True)
    with pytest.raises(BadInput):
        create_registry(Plan(str(tmp_path / "r"), "x.example/r", "network-v3"), editor(), own, tmp_path / "seen")


def test_a_record_is_submitted_once_decided_and_withdrawn(small):
    small.join("ann")
    found, ann = small.record("ann"), small.actor("ann")
    assert submissions.already(small.registry, ann, found, None) is None
    sent = submissions.send(small.registry, ann, found, None, acts.Wish())
    assert sent.opens
    known = submissions.already(small.registry, ann, found, None)
    assert known is not None
    assert known.words == "waits for an editor"
    with pytest.raises(Conflict, match="submitted at the same time"):
        submissions.send(small.registry, ann, found, None, acts.Wish())
    back = decide(small.registry, small.editor(), Decision.SEND_BACK, found.id[:8], "which power limit?")
    assert (back.status, back.approvals, back.needed) == ("sent-back", 0, 1)
    assert decide(small.registry, small.editor(), Decision.APPROVE, found.id, "told by mail").status == "accepted"
    gone = submissions.withdraw(small.registry, ann, found.id[:8], "wrong cooler")
    assert gone.record == found.id
    with pytest.raises(BadInput, match="measure again"):
        submissions.already(small.registry, ann, found, None)
    assert decide(small.registry, small.editor(), Decision.TAKE_DOWN, found.id, "names a person").dropped


def test_a_withdrawal_says_why_it_may_not_be(small):
    record = small.accepted("ann")
    small.join("bob")
    for actor, reason, words in [
        (small.actor("bob"), "mine", "is somebody else's record"),
        (small.actor("ann"), " \u200b", "needs a reason"),
    ]:
        wrote_nothing(small, lambda a=actor, r=reason: submissions.withdraw(small.registry, a, record, r), words)
    submissions.withdraw(small.registry, small.actor("ann"), record, "old driver")
    again = lambda: submissions.withdraw(small.registry, small.actor("ann"), record, "again")  # noqa: E731
    wrote_nothing(small, again, "already")


def test_an_unknown_request_keeps_a_record_out(small):
    small.join("ann")
    found = small.record("ann")
    wish = acts.Wish(request="abcdef12")
    wrote_nothing(small, lambda: submissions.send(small.registry, small.actor("ann"), found, None, wish), "request")


def test_a_record_moves_to_the_row_that_is_open(small):
    row = small.accepted("ann")
    bob = small.accepted("bob", row, rate=100.5)
    wrote_nothing(small, lambda: move(small.registry, small.editor(), bob, "", "tidy"), "its row is accepted")
    decide(small.registry, small.editor(), Decision.REJECT, row, "wrong clock")
    made = move(small.registry, small.editor(), bob[:8], "", "its row is gone")
    assert (made.record, made.row) == (bob, bob)


def test_the_queue_is_a_value(small):
    found = small.record("ann")
    small.submit(found)
    queue = listed(small.registry)
    assert (queue.waiting, queue.unread, [one.id for one in queue.found]) == (1, 0, [found.id])
    dossier, left_out = shown(small.registry, found.id[:8])
    assert (dossier.id, dossier.place, left_out) == (found.id, "a row of its own", ())


def test_a_request_goes_its_way(small):
    for name in ("ann", "bob"):
        small.join(name)
    ann = small.actor("ann")
    made = requests.open_request(small.registry, ann, model="m", hardware="h", runtime="r")
    other = requests.open_request(small.registry, ann, model="m", hardware="h", runtime="r", reason="rare")
    assert made.status == other.status == "pending"

    def step(kind: requests.Step, name: str, **more: Any) -> str:
        actor = small.editor() if kind in requests.EDITORS else small.actor("bob")
        return requests.step(small.registry, actor, kind, name, reason="so", **more).status

    assert step(requests.Step.ACCEPT, made.request[:8]) == "accepted"
    assert step(requests.Step.CLAIM, made.request) == "claimed"
    assert step(requests.Step.RELEASE, made.request) == "accepted"
    assert step(requests.Step.DUPLICATE, other.request, of=made.request[:8]) == "duplicate"
    wrote_nothing(small, lambda: step(requests.Step.CLAIM, other.request), "the request is duplicate")
    wrote_nothing(small, lambda: step(requests.Step.REVIVE, made.request), "the request is accepted")
    with pytest.raises(BadInput, match="must give a reason"):
        requests.release_reason("\u2060 ")


def test_operators_are_vouched_for_and_tied(small):
    for name in ("ann", "bob"):
        small.join(name)
    registry, ed = small.registry, small.editor()
    assert operators.verify(registry, ed, "ann", "seen") < operators.unverify(registry, ed, "ann", "sold")
    operators.tie(registry, ed, "ann", "bob", "one invoice")
    assert operators.one_person(registry, "ann", "bob")
    operators.untie(registry, ed, "ann", "bob", "two people")
    assert not operators.one_person(registry, "ann", "bob")
    wrote_nothing(small, lambda: operators.verify(registry, small.actor("bob"), "ann", "me"), "bob is not an editor")
    wrote_nothing(small, lambda: operators.verify(registry, ed, "nobody", "who?"), "knows no operator")


def test_two_who_share_a_machine_stay_one_person(small):
    for name in ("ann", "bob"):
        small.accepted(name, rig="shared", sku=f"Synthetic GPU {'AB'[name == 'bob']}")
    operators.tie(small.registry, small.editor(), "ann", "bob", "one desk")
    operators.untie(small.registry, small.editor(), "ann", "bob", "a mistake")
    assert operators.one_person(small.registry, "ann", "bob")


def test_keys_rotate_and_are_revoked(small):
    small.accepted("ann")
    ann = small.person("ann")
    last = key("after")
    chain = [Link(ann.operator, key_id(ann.following.public_key())), Link(ann.following, key_id(last.public_key()))]
    wrote_nothing(small, lambda: operators.rotate(small.registry, "ann", chain[:1]), "knows this key already")
    revoke = lambda actor, **more: operators.revoke(small.registry, actor, text(ann.operator), 0, "lost", **more)  # noqa: E731
    wrote_nothing(small, lambda: revoke(small.actor("ann")), "cannot revoke itself")
    entry = operators.rotate(small.registry, "ann", chain)
    assert revoke(acts.Actor("ann", (ann.following,))) == entry + 1
    small.join("bob")
    wrote_nothing(small, lambda: revoke(small.actor("bob"), editorial=True), "bob is not an editor")


def test_a_change_of_the_editors_needs_enough_of_them(tmp_path):
    made = world(str(tmp_path / "registry"), "ed", "eve", threshold=2)
    newcomer = editor("fay").public
    document = editors.changed(made.registry, editors.Change([newcomer], ["eve"], threshold=1))
    assert sorted(document["editors"]) == ["ed", "fay"]
    one = editors.propose_editors(made.registry, made.editor("ed"), document, "eve retires")
    wrote_nothing(made, lambda: editors.apply(made.registry, one, "CHANGE"), "too few of the present editors signed")
    with pytest.raises(BadInput, match="your signature already"):
        editors.cosign(one, made.editor("ed"), "CHANGE")
    both = editors.cosign(one, made.editor("eve"), "CHANGE")
    assert editors.proposed(both, "CHANGE").by == "ed"
    assert editors.apply(made.registry, both, "CHANGE").kind == "editors-changed"
    assert sorted(editors.editors_of(made.registry).document.editors) == ["ed", "fay"]
    with pytest.raises(BadInput, match="'zoe' is not an editor"):
        editors.changed(made.registry, editors.Change(removed=["zoe"]))


def test_enough_editors_must_be_left(tmp_path):
    made = world(str(tmp_path / "registry"), "ed", "eve", approvals=2)
    with pytest.raises(BadInput, match="1 editor would be left"):
        editors.changed(made.registry, editors.Change(removed=["eve"]))


def test_a_policy_is_adopted_by_its_own_words(small):
    made = editors.adoption(small.registry, "network-v3", None)
    assert editors.adopt(small.registry, small.editor(), made, "it asks for more") == 1
    with pytest.raises(BadInput, match="more than there are editors"):
        editors.adoption(small.registry, "network-v3", 2)
    with pytest.raises(BadInput):
        editors.adoption(small.registry, "network-v99", None)


def test_only_what_several_sign_is_cosigned(small):
    with small.registry.reading() as reader:
        alone = acts.event(reader, small.editor(), "operator-verified", "ann", reason="seen")
    data = alone.signed(small.editor().keys).to_bytes()
    with pytest.raises(BadInput, match="needs one editor only"):
        editors.cosign(data, small.editor("eve"), "CHANGE")
    with pytest.raises(RecordInvalid):
        editors.proposed(b"{}", "CHANGE")


def test_a_log_of_another_tool_comes_whole_or_not_at_all(small):
    row = small.accepted("ann")
    log = Path("tests/data/imported/llama-bench.jsonl")
    log = log if log.exists() else sorted(Path("tests/data/imported").iterdir())[0]
    data = log.read_bytes()
    payloads = [external.as_payload(one) for one in external.read(data, str(log), None)]
    bad = {**payloads[0], "samples_micro": []}
    made = lambda some: cite(small.registry, small.editor(), row[:8], data, some, "their site")  # noqa: E731
    wrote_nothing(small, lambda: made([*payloads, bad]), "its evidence is malformed")
    assert (made(payloads).new, made(payloads).known) == (len(payloads), len(payloads))


@pytest.mark.parametrize(
    ("handle", "now", "words"),
    [("bob", "2020-01-01T00:00:00Z", "was issued to ann"), ("ann", "2999-01-01T00:00:00Z", "expired on")],
)
def test_a_challenge_is_refused_before_a_run(small, handle, now, words):
    small.join("ann")
    nonce, _ = acts.challenge(small.registry, key("registry"), "ann", 7)
    with small.registry.reading() as reader:
        usable(reader, nonce, "ann", acts.utc())
        usable(reader, nonce, None, acts.utc())
        with pytest.raises(BadInput, match=words):
            usable(reader, nonce, handle, now)
        with pytest.raises(BadInput, match="did not issue it"):
            usable(reader, "0" * 64, handle, now)


def test_a_registry_is_rebuilt_elsewhere(small, tmp_path):
    small.accepted("ann")
    copy = rebuild(small.registry, str(tmp_path / "copy"), SILENT)
    with copy.reading() as ours, small.registry.reading() as theirs:
        assert ours.root() == theirs.root()
