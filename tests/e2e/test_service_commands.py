"""Commands over a URL: what they print, keep and refuse, at a real service with the keys that `repro keys new` made."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from harness.record.editor_keys import registry_key
from tests.support.patience import PATIENCE_S
from tests.support.people import ORIGIN, hosted

ROOT = Path(__file__).parents[2]


@pytest.fixture
def people(tmp_path):
    return hosted(tmp_path, "ann")


def test_a_stranger_submits_over_http_and_holds_a_receipt_that_checks_offline(people, url, tmp_path):
    record = people.record("ann", "one")
    said = people("ann", "submit", record, REPRO_REGISTRY=url)
    assert said.returncode == 0, said.stderr
    identity = said.stdout.split()[0]
    assert said.stdout.splitlines()[1:] == [
        "queued as entry 2: nothing is public before an editor approves it",
        "it opens a row of its own",
    ]
    assert f"{url}/rows/{identity[:16]}/" in said.stderr
    assert f"{url}/operators/ann.html" in said.stderr
    receipt = "receipt-example.org-bench.json"
    held = people.good("ann", "verify", record, "--receipt", receipt, REPRO_REGISTRY="")
    assert f"entry 2 of {ORIGIN}" in held
    other = people.record("ann", "other", seed=5)
    wrong = people("ann", "verify", other, "--receipt", record / receipt)
    assert wrong.returncode == 2
    assert "not of this record" in wrong.stderr
    again = people("ann", "submit", record, REPRO_REGISTRY=url)
    assert "the registry has it already, waits for an editor; nothing was sent" in again.stderr
    listed = json.loads(people.good("ann", "submissions", "--json", REPRO_REGISTRY=url))
    assert [one["id"] for one in listed] == [identity]
    assert listed == json.loads(people.good("ann", "submissions", "--json"))
    people.good("ed", "review", "approve", identity, "--reason", "complete")
    assert json.loads(people.good("ann", "submissions", "--json", REPRO_REGISTRY=url))[0]["status"] == "accepted"
    gone = people.good("ann", "withdraw", identity[:10], "--reason", "measured on battery", REPRO_REGISTRY=url)
    assert gone.splitlines() == [identity, "withdrawn, entry 4"]
    assert "everything holds" in people.good("ed", "audit", people.registry)
    changed = json.loads((record / receipt).read_text())
    changed["receipt"]["proof"] = changed["receipt"]["proof"].replace("index 2", "index 1")
    (record / receipt).write_text(json.dumps(changed))
    assert people("ann", "verify", record, "--receipt", receipt).returncode == 2


def test_a_record_that_reproduces_a_row_says_where_it_falls(people, url):
    first = people.good("ann", "submit", people.record("ann", "one"), REPRO_REGISTRY=url).split()[0]
    people.operator("bob")
    early = people("bob", "submit", people.record("bob", "early"), REPRO_REGISTRY=url)
    assert "the row itself waits for an editor" in early.stdout
    people.good("ed", "review", "approve", first, "--reason", "complete")
    second = people.record("bob", "two", seed=9)
    over = people.good("bob", "submit", second, REPRO_REGISTRY=url)
    assert f"row {first[:12]}: " in over
    assert "if approved: " in over


def test_requests_go_from_asking_to_releasing_over_a_url(people, url):
    made = people.good(
        "ann", "request", "new", "--model", "m", "--hardware", "h", "--runtime", "vllm", REPRO_REGISTRY=url
    )
    request = made.split()[0]
    people.operator("bob")
    assert json.loads(people.good("bob", "request", "list", "--json", REPRO_REGISTRY=url)) == {}
    assert request in json.loads(people.good("ann", "request", "list", "--json", REPRO_REGISTRY=url))
    people.good("ed", "request", "accept", request[:9], "--reason", "useful", REPRO_REGISTRY=url)
    assert people.good("bob", "request", "claim", request[:9], REPRO_REGISTRY=url).split()[1] == "claimed,"
    assert people.good("bob", "request", "release", request[:9], REPRO_REGISTRY=url).split()[1] == "accepted,"
    done = people("ann", "request", "claim", "feed", REPRO_REGISTRY=url)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_challenge_is_issued_to_who_asks_for_it_and_to_nobody_else(people, url):
    people.good("ann", "submit", people.record("ann", "one"), REPRO_REGISTRY=url)
    nonce = people.good("ann", "registry", "challenge", "--handle", "ann", REPRO_REGISTRY=url).strip()
    assert len(nonce) == 64
    assert nonce in people.good("ed", "registry", "log", "--json")
    other = people("ann", "registry", "challenge", "--handle", "bob", REPRO_REGISTRY=url)
    assert other.returncode == 2
    people.operator("bob")
    stranger = people("bob", "registry", "challenge", "--handle", "bob", REPRO_REGISTRY=url)
    assert stranger.returncode == 2
    assert len(stranger.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    [
        "registry export out",
        "registry checkpoint",
        "registry rebuild place",
        "registry editors",
        "import x.json --row feed --reason why",
    ],
)
def test_what_does_not_work_over_a_url_is_one_line_and_leaves_nothing(people, url, command, tmp_path):
    words = [*command.split(), "--registry", url]
    (tmp_path / "x.json").write_text("{}")
    before = {
        path: hashlib.sha256(path.read_bytes()).hexdigest() for path in people.registry.rglob("*") if path.is_file()
    }
    there = set(tmp_path.iterdir())
    done = people("ed", *words)
    if command == "registry editors":
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 2, done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    after = {
        path: hashlib.sha256(path.read_bytes()).hexdigest() for path in people.registry.rglob("*") if path.is_file()
    }
    assert {p for p in after if "sqlite" in p.name and "-" not in p.name} <= set(before)
    assert set(tmp_path.iterdir()) == there


def test_the_demonstration_is_served_as_a_copy_until_ctrl_c(tmp_path):
    program = "from harness.cli import main; main()"
    command = [sys.executable, "-c", program, "serve", "--registry", "results/demo-registry", "--port", "0"]
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        # A shell that starts the tests in the background ignores Ctrl-C, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as served_copy:  # fmt: skip
        address = served_copy.stdout.readline().split()[0]
        assert httpx2.get(f"{address}healthz").json()["status"] == "ok"
        assert httpx2.get(f"{address}v1/registry").json()["demonstration"] is True
        served_copy.send_signal(signal.SIGINT)
        assert served_copy.wait(PATIENCE_S) == 130
        assert served_copy.stderr.read().splitlines()[-1] == "repro: interrupted"
    assert not list(tmp_path.glob("repro-serve-*"))


def test_a_port_in_use_an_export_and_a_registry_without_its_key_are_refused(people, url, tmp_path):
    port = url.rpartition(":")[2]
    taken = people("ed", "serve", "--port", port)
    assert (taken.returncode, "name another: --port" in taken.stderr) == (2, True)
    assert people("ann", "serve", "--port", "0").returncode == 2
    people.good("ed", "registry", "export", tmp_path / "files")
    for place in (tmp_path / "files", url):
        done = people("ed", "serve", "--registry", place, "--port", "0")
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("http://example.org", "must be encrypted"),
        ("https://me@example.org", "without user"),
        ("https://", "without user"),
        ("https://example.org:99999", "must be an address"),
        ("http://127.0.0.1:1", "can't be reached"),
    ],
)
def test_an_address_that_can_not_be_used_is_refused_before_anything_is_sent(people, place, words):
    done = people("ann", "submit", people.record("ann", "one"), "--registry", place)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_service_that_shows_a_shorter_log_is_refused(people, url, tmp_path):
    people.good("ann", "submit", people.record("ann", "one"), REPRO_REGISTRY=url)
    key = registry_key(people.folder / "ed" / "repro-harness" / "keys", ORIGIN, make=False)
    older = tmp_path / "older"
    people.good("ed", "registry", "new", "--origin", "example.org/other", "--registry", older)
    seen = next((people.folder / "ann" / "repro-harness" / "seen").glob("*.json"))
    kept = json.loads(seen.read_text())
    seen.write_text(json.dumps({**kept, "size": kept["size"] + 5}))
    cut = people("ann", "submissions", REPRO_REGISTRY=url)
    assert cut.returncode == 2
    assert "when it was last seen here" in cut.stderr
    seen.write_text(json.dumps({**kept, "root": "00" * 32}))
    assert "shows another history" in people("ann", "submissions", REPRO_REGISTRY=url).stderr
    seen.write_text(json.dumps({**kept, "key": "other"}))
    assert "has another key" in people("ann", "submissions", REPRO_REGISTRY=url).stderr
    assert key is not None
