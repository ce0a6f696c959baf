"""`repro registry prove` and `repro verify --proof`: from a folder, an export and a URL, checked without asking anybody."""

from __future__ import annotations

import json

import pytest

from tests.support.people import ORIGIN, hosted


@pytest.fixture
def people(tmp_path):
    return hosted(tmp_path, "ann")


def test_a_proof_from_a_folder_and_an_export_checks_offline(people, tmp_path):
    record = people.record("ann", "one")
    identity = people.good("ann", "submit", record).split()[0]
    early = people("ann", "registry", "prove", identity[:12])
    assert (early.returncode, "repro registry checkpoint" in early.stderr) == (2, True)
    people.good("ed", "registry", "checkpoint")
    printed = people.good("ann", "registry", "prove", identity[:12])
    people.good("ed", "registry", "export", tmp_path / "files")
    assert people.good("ann", "registry", "prove", record, "--registry", tmp_path / "files") == printed
    proof = tmp_path / "proof.json"
    people.good("ann", "registry", "prove", identity[:12], "--out", proof)
    assert proof.read_text() == printed
    said = people.good("ann", "verify", record, "--proof", proof, REPRO_REGISTRY="")
    assert f"entry 2 of {ORIGIN}" in said
    assert "c2sp.org/tlog-proof@v1\nindex 2\n" in json.loads(printed)["receipt"]["proof"]
    other = people.record("ann", "other", seed=5)
    assert people("ann", "verify", other, "--proof", proof).returncode == 2
    unknown = people("ann", "registry", "prove", "feedfeed")
    assert (unknown.returncode, len(unknown.stderr.splitlines())) == (2, 1)
    proof.write_text(printed.replace("index 2", "index 1"))
    assert people("ann", "verify", record, "--proof", proof).returncode == 2


def test_over_a_url_a_public_record_is_proven_to_anybody_and_one_that_waits_to_its_operator(people, url, tmp_path):
    record = people.record("ann", "one")
    identity = people.good("ann", "submit", record, REPRO_REGISTRY=url).split()[0]
    own = people.good("ann", "registry", "prove", identity[:12], REPRO_REGISTRY=url)
    people.operator("bob")
    hidden = people("bob", "registry", "prove", identity[:12], REPRO_REGISTRY=url)
    assert (hidden.returncode, len(hidden.stderr.splitlines())) == (2, 1)
    assert "no public record" in hidden.stderr
    people.good("ed", "review", "approve", identity, "--reason", "complete")
    proof = tmp_path / "proof.json"
    people.good("bob", "registry", "prove", identity[:12], "--out", proof, REPRO_REGISTRY=url)
    assert json.loads(proof.read_text())["event"] == json.loads(own)["event"]
    assert f"entry 2 of {ORIGIN}" in people.good("bob", "verify", record, "--proof", proof, REPRO_REGISTRY="")


def test_the_site_is_published_by_command_and_says_so_as_json(people, tmp_path):
    identity = people.good("ann", "submit", people.record("ann", "one")).split()[0]
    people.good("ed", "review", "approve", identity, "--reason", "complete")
    out = tmp_path / "site"
    said = json.loads(people.good("ed", "registry", "publish", "--site", out, "--json"))
    assert (said["rows"], said["made"], said["entries"]) == (1, 1, 4)
    assert (out / "rows" / identity[:16] / "index.html").is_file()
    again = people.good("ed", "registry", "publish", "--site", out)
    assert again.startswith("1 benchmark, 0 updated, 0 files written, 0 removed:")
    (out / ".site.json").unlink()
    refused = people("ed", "registry", "publish", "--site", out)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
