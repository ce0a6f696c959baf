"""A registry from the command line: an operator, a second one, an editor, and anybody who looks."""

import json
from pathlib import Path

from tests.e2e.conftest import measured, refused


def test_from_a_record_to_a_tier(people, tmp_path):
    first = people.record("ann", "first")
    dry = json.loads(people.good("ann", "submit", first, "--dry-run"))
    assert dry["record"]["operator"]["handle"] == "ann"
    assert "queue is empty" in people.good("ed", "review")
    row = people.good("ann", "submit", first).split()[0]
    assert "opens a row of its own" in people.good("ann", "submit", people.record("ann", "b", sku="Synthetic GPU B"))
    assert row[:12] in people.good("ed", "review")
    shown = people.good("ed", "review", "show", row[:8])
    assert "only the operator says when it ran" in shown
    assert "queued" in people.good("x", "score", "--all")
    assert "queued" not in people.good("x", "score")
    assert "accepted" in people.good("ed", "review", "approve", row[:8], "--reason", "complete")
    assert "approved-public" in people.good("x", "explain", row[:8])

    second = people.record("bob", "second", rate=101.0, seed=5)
    said = people.good("bob", "submit", second)
    assert "community ring" in said
    assert "inside" in said
    assert "approved-public, low → reproduced, moderate" in said
    assert "beside it, not counted: prefill rate" in said
    assert "time to first token" in said
    reproduction = said.split()[0]
    people.good("ed", "review", "approve", reproduction[:10], "--reason", "agrees")
    explained = people.good("x", "explain", row[:8])
    for word in (
        "reproduced",
        "moderate",
        "source",
        "reproductions",
        "completeness",
        "consistency",
        "age",
        "version drift",
        reproduction[:8],
    ):
        assert word in explained
    tiers = json.loads(people.good("x", "score", "--json"))
    assert [(r["state"], r["tier"]) for r in tiers["rows"] if r["row"] == row] == [("reproduced", "moderate")]

    people.good("ed", "operator", "verify", "bob", "--reason", "saw the machine")
    assert "saw the machine" in people.good("x", "operator", "list")
    people.good("ed", "registry", "checkpoint")
    assert "everything holds" in people.good("x", "audit", people.registry)
    people.good("x", "registry", "export", tmp_path / "files")
    assert "everything holds" in people.good("x", "audit", tmp_path / "files")
    assert "reproduced" in people.good("x", "explain", row[:8], "--registry", tmp_path / "files")
    people.good("x", "registry", "rebuild", tmp_path / "again")
    assert people.good("x", "score", "--json", "--registry", tmp_path / "again") == people.good("x", "score", "--json")
    assert "no candidate" in people.good("x", "regressions")
    people.good("bob", "withdraw", reproduction[:8], "--reason", "wrong driver")
    assert "approved-public" in people.good("x", "explain", row[:8])


def test_what_is_refused_says_why_in_one_line(people, tmp_path):
    first = people.record("ann", "first")
    row = people.good("ann", "submit", first).split()[0]
    for who, words, arguments in [
        ("bob", "has this record already", ("submit", first)),
        ("bob", "no editor's keys", ("review", "approve", row[:8], "--reason", "mine")),
        ("ed", "Missing option '--reason'", ("review", "approve", row[:8])),
        ("ed", "no record has an id", ("review", "approve", "ffff", "--reason", "x")),
        ("ed", "there are no keys yet", ("submit", first)),
        ("x", "there is no registry", ("score", "--registry", tmp_path / "nowhere")),
        ("x", "is not a kind of database", ("score", "--registry", "mysql://example.org")),
        ("x", "must name a registry", ("score", "--registry", "")),
        ("x", "no policy is called", ("explain", row[:8], "--policy", "network-v9")),
        ("x", "must be a day", ("explain", row[:8], "--as-of", "yesterday")),
        ("x", "there is no registry", ("audit", tmp_path)),
        ("x", "exists already", ("registry", "export", tmp_path)),
        ("ed", "there is a registry already", ("registry", "new", "--origin", "test.example/other")),
        ("ed", "must be an origin", ("registry", "new", "--origin", "Not An Origin", "--registry", tmp_path / "n")),
        ("bob", "is not kept here", ("registry", "checkpoint")),
        ("bob", "somebody else's record", ("withdraw", row[:8])),
    ]:
        assert words in refused(people(who, *arguments)), (who, arguments)
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "n").exists()


def test_a_registry_that_forgot_is_refused(people, tmp_path):
    import shutil

    people.good("ann", "score")
    shutil.copytree(people.registry, tmp_path / "old")
    people.good("ann", "submit", people.record("ann", "first"))
    people.good("ann", "score")
    shutil.rmtree(people.registry)
    shutil.copytree(tmp_path / "old", people.registry)
    assert "its log was cut" in refused(people("ann", "score"))
    assert "its log was cut" in refused(people("ann", "audit", people.registry))
    people.good("bob", "submit", people.record("bob", "other", sku="Synthetic GPU C"))
    people.good("bob", "submit", people.record("bob", "more", sku="Synthetic GPU D"))
    assert "another history" in refused(people("ann", "score"))


def test_two_of_three_editors_change_the_list(people, tmp_path):
    for who in ("flo", "gil"):
        (tmp_path / f"{who}.json").write_text(people.good(who, "keys", "new", "--role", "editor", "--handle", who))
    change = tmp_path / "change.json"
    people.good("ed", "registry", "editors", "--add", tmp_path / "flo.json", "--add", tmp_path / "gil.json",
                "--threshold", "2", "--reason", "three of us", "--out", change)  # fmt: skip
    assert "too few of the new editors" in refused(people("ed", "registry", "apply", change))
    people.good("flo", "registry", "cosign", change, "--yes")
    assert "has your signature" in refused(people("flo", "registry", "cosign", change, "--yes"))
    assert "editors-changed" in people.good("ed", "registry", "apply", change)
    assert "everything holds" in people.good("x", "audit", people.registry)


def test_a_challenge_and_a_rotated_key(people):
    people.good("ann", "submit", people.record("ann", "first"))
    nonce = people.good("ed", "registry", "challenge", "--handle", "ann").strip()
    assert len(nonce) == 64
    people.good("ann", "keys", "rotate")
    assert "by another key" in refused(people("ann", "submit", people.record("ann", "second", sku="Synthetic GPU B")))
    people.good("ann", "operator", "rotate")
    people.good("ann", "submit", people.folder / "results" / "second")
    people.good("ann", "submit", people.record("ann", "third", sku="Synthetic GPU C"))
    assert "everything holds" in people.good("x", "audit", people.registry)


def test_requests_from_the_command_line(people):
    identity = people.good(
        "ann", "request", "new", "--model", "m Q4", "--hardware", "RTX 4090", "--runtime", "vLLM"
    ).split()[0]
    people.good("ed", "request", "accept", identity[:8], "--reason", "wanted")
    people.good("bob", "request", "claim", identity[:8])
    assert "bob" in people.good("x", "request", "list")
    people.good("bob", "request", "release", identity[:8])
    people.good("ed", "request", "archive", identity[:8], "--reason", "stale")
    assert json.loads(people.good("x", "request", "list", "--json"))[identity]["status"] == "archived"


def test_evidence_of_another_tool_is_shown_and_never_counted(people):
    row = people.good("ann", "submit", people.record("ann", "first")).split()[0]
    people.good("ed", "review", "approve", row[:8], "--reason", "complete")
    log = Path(__file__).parents[1] / "data" / "imported" / "llama-bench.json"
    assert "nothing was written" in people.good("x", "import", log)
    people.good("ed", "import", log, "--row", row[:8], "--reason", "a forum")
    explained = people.good("x", "explain", row[:8])
    assert "shown, never counted" in explained
    assert "llama-bench" in explained
    assert "approved-public" in explained
    assert "low" in explained


def test_a_registry_holds_no_trace_of_its_users(people, tmp_path):
    canaries = {"USER": "canary-user-7f3a", "LOGNAME": "canary-log-7f3a", "HOSTNAME": "canary-host-7f3a"}
    record = people.record("ann", "canary-path-7f3a")
    row = people.good("ann", "submit", record, **canaries).split()[0]
    people.good("ed", "review", "approve", row[:8], "--reason", "complete", **canaries)
    people.good("x", "registry", "export", tmp_path / "files", **canaries)
    places = [*(tmp_path / "files").rglob("*"), *people.registry.rglob("*")]
    assert len(places) > 10
    for path in places:
        data = path.read_bytes() if path.is_file() else b""
        assert b"canary" not in data, path
        assert str(tmp_path).encode() not in data, path


def test_the_log_can_be_read(people):
    row = people.good("ann", "submit", people.record("ann", "first")).split()[0]
    people.good("ed", "review", "reject", row[:8], "--reason", "the clock is wrong")
    shown = people.good("x", "registry", "log")
    for word in ("registry-created", "operator-joined", "record-submitted", "record-rejected", "the clock is wrong"):
        assert word in shown
    own = json.loads(people.good("x", "registry", "log", "--of", "ann", "--json"))
    assert [act["kind"] for act in own] == ["operator-joined", "record-submitted"]


def test_the_committed_demonstration_shows_everything(people):
    demo = Path(__file__).parents[2] / "results" / "demo-registry"
    assert "everything holds" in people.good("x", "audit", demo)
    listed = json.loads(people.good("x", "score", "--all", "--json", "--registry", demo))["rows"]
    assert {row["state"] for row in listed} == {
        "queued", "approved-public", "reproduced", "independently-reproduced", "rejected", "sent-back", "withdrawn",
    }  # fmt: skip
    assert {row["tier"] for row in listed} == {None, "low", "moderate", "high", "very-high"}
    assert any(row["contested"] for row in listed)
    assert any("gemma" in row["model_name"] for row in listed)
    marks, texts = set(), ""
    for row in listed:
        if row["tier"] is not None:
            score = json.loads(people.good("x", "explain", row["row"], "--json", "--registry", demo))
            marks |= {judged["mark"] for judged in score["judged"].values()}
            texts += json.dumps(score)
    assert marks == {"inside", "outside", "inconclusive", "pending"}
    assert "independent operators on distinct hardware classes" in texts
    assert "confirmed change" in people.good("x", "regressions", "--registry", demo)


def test_a_challenge_enters_seed_and_record(people, tmp_path):
    from tests.support import tiny_gguf

    model = tmp_path / "tiny.gguf"
    model.write_bytes(tiny_gguf.build(tiny_gguf.LONG))
    seen = []
    for nonce in ("a" * 64, "b" * 64):
        done = people("x", "bench", "--runtime", "simulated", "--suite", "quick", "--model", model, "--processes", "1",
                      "-o", "step_us=50", "--challenge", nonce, "--json", REPRO_REGISTRY="")  # fmt: skip
        record = json.loads(measured(done).stdout)
        assert record["run"]["challenge"] == nonce
        forced = {w["id"]: w["forced_sha256"] for w in record["workloads"] if w["forced_sha256"] and w["output_tokens"]}
        texts = {w["id"]: (w["text_sha256"], w["prompt_sha256"], w["prompt_tokens"]) for w in record["workloads"]}
        seen.append((record["run"]["seed"], forced, texts))
    assert seen[0][0] != seen[1][0]
    assert seen[0][1].keys() == seen[1][1].keys()
    assert all(seen[0][1][name] != seen[1][1][name] for name in seen[0][1])
    fresh = {name for name, told in seen[0][2].items() if told[0] is not None}
    assert "pp512@d0" in fresh
    for name, told in seen[0][2].items():
        other = seen[1][2][name]
        assert told[2] == other[2]  # as many tokens: the numbers stay comparable
        assert (told[0] != other[0]) == (told[1] != other[1]) == (name in fresh), name
    unknown = people("x", "bench", "--runtime", "simulated", "--model", model, "--challenge", "a" * 64)
    assert "this registry did not issue it" in refused(unknown)
    assert "a challenge sets the seed" in refused(people("x", "bench", "--challenge", "a" * 64, "--seed", "7"))
    assert "must be 64 hexadecimal digits" in refused(people("x", "bench", "--challenge", "abc"))


def test_an_editor_with_a_passkey_is_added_and_shown(people, tmp_path):
    from tests.support.passkey_world import RP_ID, WEB_ORIGIN, entry, passkey

    owner, file, change = passkey("pat"), tmp_path / "pat.json", tmp_path / "change.json"
    file.write_text(json.dumps({"handle": "pat", **entry(owner)}))
    add = ("registry", "editors", "--add", file, "--reason", "a phone", "--out", change)
    assert "names no web origin" in refused(people("ed", *add))
    for url, words in [
        ("http://bench.example.org", "must begin with https://"),
        ("https://bench.example.org/console/", "must be scheme, domain and port"),
        ("https://127.0.0.1", "must be scheme, domain and port"),
    ]:
        assert words in refused(people("ed", "registry", "passkeys", url, "--reason", "a console"))
    said = people.good("ed", "registry", "passkeys", WEB_ORIGIN, "--rp-id", RP_ID, "--reason", "a console")
    assert f"passkeys of {RP_ID} at {WEB_ORIGIN}, from entry 1" in said
    people.good("ed", *add)
    people.good("ed", "registry", "apply", change)
    assert owner.key.text() in people.good("x", "registry", "editors")
    assert "everything holds" in people.good("x", "audit", people.registry)
    people.good("x", "registry", "export", tmp_path / "files")
    assert "everything holds" in people.good("x", "audit", tmp_path / "files")
    people.good("x", "registry", "rebuild", tmp_path / "again")
    assert owner.key.text() in people.good("x", "registry", "editors", "--registry", tmp_path / "again")
    file.write_text(file.read_text().replace("es256:04", "es256:05"))
    assert "must be an editor's public file" in refused(people("ed", *add))
