"""Commands that read, at a real service: the same output as with a folder, nothing fetched twice, and every lie found."""

from __future__ import annotations

import json
import shutil
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.people import People, at_a_service, hosted


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A registry with two rows, a reproduction, and a record that waits."""
    found = hosted(tmp_path_factory.mktemp("filled"), "ann", "bob")
    first = found.good("ann", "submit", found.record("ann", "one")).split()[0]
    found.good("ed", "review", "approve", first, "--reason", "complete")
    second = found.good("bob", "submit", found.record("bob", "two", seed=9)).split()[0]
    found.good("ed", "review", "approve", second, "--reason", "complete")
    found.good("ed", "registry", "checkpoint")
    found.row = first
    return found


@pytest.fixture
def people(filled, tmp_path):
    shutil.copytree(filled.folder, tmp_path, dirs_exist_ok=True)
    made = People(tmp_path)
    made.row = filled.row
    return made


@contextmanager
def at_a_file_server(folder: Path):
    """Any server of static files: a proxy's folder, a bucket. `asked`: every path."""

    class Asked(SimpleHTTPRequestHandler):
        def log_message(self, *_words):
            asked.append(self.path)

    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Asked, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "command",
    ["score", "score --json", "explain ROW", "explain ROW --json", "regressions --all", "registry log", "registry log --json",
     "operator list", "operator list --json"],
)  # fmt: skip
def test_a_reading_command_prints_over_a_url_what_it_prints_with_the_folder(people, command):
    words = [people.row[:12] if word == "ROW" else word for word in command.split()]
    with at_a_service(people) as url:
        over = people("ann", *words, "--registry", url)
    here = people("ann", *words)
    assert (over.returncode, over.stderr) == (0, "")
    assert over.stdout == here.stdout


def test_an_audit_over_a_url_is_clean_and_says_what_is_not_public(people, tmp_path):
    waits = people.good("bob", "submit", people.record("bob", "late", seed=12)).split()[0]
    with at_a_service(people) as url:
        said = people.good("ann", "audit", url)
        assert "everything holds" in said
        assert "not public, so not seen: 1 event of the log, the bytes of 0 records" in said
        people.good("ann", "registry", "export", "--public", tmp_path / "copy", "--registry", url)
        whole = people("ann", "registry", "export", tmp_path / "whole", "--registry", url)
        assert (whole.returncode, len(whole.stderr.splitlines())) == (2, 1)
        site = people("ann", "site", "build", "--out", tmp_path / "site", "--registry", url)
        assert site.returncode == 0, site.stderr
    text = b"".join(path.read_bytes() for path in (tmp_path / "copy").rglob("*") if path.is_file())
    assert waits.encode() not in text
    assert "everything holds" in people.good("ann", "audit", tmp_path / "copy")
    assert (tmp_path / "site" / "rows" / people.row[:16] / "index.html").is_file()


def test_what_was_fetched_is_not_fetched_again_and_a_decision_shows_at_once(people, tmp_path):
    people.good("ed", "registry", "export", "--public", tmp_path / "out")
    with at_a_file_server(tmp_path / "out") as (url, asked):
        first = people.good("ann", "score", "--registry", url)
        bodies = [p for kind in ("events", "records") for p in (tmp_path / "out" / kind).rglob("*") if p.is_file()]
        assert len(asked) == len(set(asked)) == len(bodies) + 3  # registry.json, a bundle of entries, the checkpoint
        asked.clear()
        assert people.good("ann", "score", "--registry", url) == first
        assert sorted(asked) == ["/checkpoints/7", "/registry.json"]
    with at_a_service(people) as url:
        late = people.good("bob", "submit", people.record("bob", "late", seed=12), "--registry", url).split()[0]
        before = json.loads(people.good("ann", "score", "--json", "--registry", url))
        people.good("ed", "review", "approve", late, "--reason", "complete")
        after = json.loads(people.good("ann", "score", "--json", "--registry", url))
        assert (before["rows"][0]["records"], after["rows"][0]["records"]) == (2, 3)
        people.good("bob", "withdraw", late, "--reason", "on battery", "--registry", url)
        assert json.loads(people.good("ann", "score", "--json", "--registry", url))["rows"][0]["records"] == 2
    cache = people.folder / "cache" / "repro-harness" / "mirrors"
    assert not list(cache.glob(f"*/records/{late}"))


def test_a_copy_that_was_interrupted_goes_on_where_it_was(people, tmp_path):
    people.good("ed", "registry", "export", "--public", tmp_path / "out")
    samples = tmp_path / "out" / "records" / people.row / "samples.parquet"
    kept = samples.read_bytes()
    samples.unlink()
    with at_a_file_server(tmp_path / "out") as (url, asked):
        lacking = people("ann", "audit", url)
        assert (lacking.returncode, len(lacking.stderr.splitlines())) == (2, 1)
        assert "lacks what it says is public" in lacking.stderr
        samples.write_bytes(kept)
        asked.clear()
        assert "everything holds" in people.good("ann", "audit", url)
        assert [path for path in asked if path.startswith(("/events/", "/tile/"))] == []


def lied(folder: Path, what: str, other: Path) -> None:
    told = json.loads((folder / "registry.json").read_text())
    if what == "a changed body":
        path = next((folder / "records").glob("*/samples.parquet"))
        path.write_bytes(path.read_bytes() + b"x")
    elif what == "a changed event":
        for path in (folder / "events").iterdir():
            path.write_bytes(path.read_bytes() + b" ")
    elif what == "a removed entry":
        bundle = next((folder / "tile" / "entries").rglob("*/[0-9]*"))
        bundle.write_bytes(bundle.read_bytes()[: bundle.stat().st_size // 2])
    elif what == "a withheld event that was public":
        told["withheld"].append([told["size"] - 1, told["size"] - 1])
    elif what == "another key":
        told["vkey"] = json.loads((other / "registry.json").read_text())["vkey"]
    elif what == "a lower checkpoint":
        told["checkpoint"] = None
    (folder / "registry.json").write_text(json.dumps(told))


LIES = {
    "a changed body": "was changed",
    "a changed event": "was changed",
    "a removed entry": "bundle",
    "another key": "key",
    "a shrunk log": "when it was last seen",
    "a forked log": "another history",
    "a withheld event that was public": "was public before",
    "a lower checkpoint": "checkpoint",
}


@pytest.mark.parametrize("seen", ["before", "never"])
@pytest.mark.parametrize("what", LIES)
def test_a_server_that_lies_is_found_out(people, tmp_path, what, seen):
    if seen == "never" and what in (
        "a shrunk log",
        "a forked log",
        "a withheld event that was public",
        "a lower checkpoint",
    ):
        pytest.skip("who has seen nothing before can't tell these: witnesses and receipts can")
    first, out = tmp_path / "first", tmp_path / "out"
    older = shutil.copytree(people.registry, tmp_path / "older")
    people.good("ed", "registry", "export", "--public", first)
    people.good("bob", "withdraw", _newest(people), "--reason", "on battery")
    people.good("ed", "registry", "checkpoint")
    people.good("ed", "registry", "export", "--public", out)
    with at_a_file_server(out) as (url, _asked):
        if seen == "before":
            assert "everything holds" in people.good("ann", "audit", url)
            shutil.rmtree(people.folder / "cache" / "repro-harness" / "verified", ignore_errors=True)
        if what == "a shrunk log":
            shutil.rmtree(out)
            shutil.copytree(first, out)
        elif what == "a forked log":
            for number in range(2):
                late = people.record("ann", f"fork{number}", seed=20 + number)
                people.good(
                    "ann", "submit", late, REPRO_REGISTRY=str(older), XDG_CONFIG_HOME=str(_keys_alone(people, "ann"))
                )
            editor = {"REPRO_REGISTRY": str(older), "XDG_CONFIG_HOME": str(_keys_alone(people, "ed"))}
            people.good("ed", "registry", "checkpoint", **editor)
            shutil.rmtree(out)
            people.good("ed", "registry", "export", "--public", out, **editor)
        else:
            lied(out, what, _other(people, tmp_path) if what == "another key" else out)
            if seen == "before" and what in ("a changed body", "a changed event", "a removed entry"):
                for kind in ("records", "events", "tile"):  # what is here already is not asked for again
                    for folder in (people.folder / "cache" / "repro-harness" / "mirrors").glob(f"*/{kind}"):
                        shutil.rmtree(folder)
        done = people("ann", "audit", url)
    assert done.returncode == 2, done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert LIES[what] in done.stderr


def _newest(people) -> str:
    return json.loads(people.good("bob", "submissions", "--json"))[0]["id"]


def _keys_alone(people, who) -> Path:
    """Somebody's keys without the memory of the registry."""
    folder = people.folder / f"forger-{who}"
    if not folder.exists():
        shutil.copytree(people.folder / who, folder)
        shutil.rmtree(folder / "repro-harness" / "seen", ignore_errors=True)
    return folder


def _other(people, tmp_path) -> Path:
    people.good("ed", "registry", "new", "--origin", "example.org/other", "--registry", tmp_path / "other")
    people.good("ed", "registry", "export", "--public", tmp_path / "others", "--registry", tmp_path / "other")
    return tmp_path / "others"


def test_a_cache_that_can_not_be_written_costs_a_copy_each_time_and_nothing_else(people, tmp_path):
    with at_a_service(people) as url:
        closed = tmp_path / "closed"
        closed.write_text("a file where a folder belongs")
        done = people("ann", "score", "--registry", url, XDG_CACHE_HOME=str(closed), TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.glob("repro-mirror-*"))
