"""The site job: it follows whoever changes the registry, one builder at a time, and says when it fails."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.progress import SILENT
from harness.registry.actions import jobs
from harness.registry.actions.create import sign_checkpoint
from harness.registry.opening import open_database
from harness.registry.queries import jobs as queries
from harness.service.core import Service, Settings
from harness.site import job
from harness.site.build import Wish, build
from harness.site.job import Follower, publish
from harness.site.keeper import Keeper, Told
from harness.terminal.days import day_of
from harness.tlog import checkpoint, cosignature
from tests.support.patience import PATIENCE_S
from tests.support.registry_world import key, world
from tests.support.served import served
from tests.unit.site.test_build import tree


def until(found, what: str):
    end = time.monotonic() + PATIENCE_S
    while not (value := found()):
        assert time.monotonic() < end, what
        time.sleep(0.02)
    return value


@pytest.fixture
def here(place):
    return world(place)


@pytest.fixture
def wish(here, tmp_path):
    return Wish(here.registry.target, tmp_path / "site", day_of(None))


def fresh(wish: Wish, tmp_path: Path) -> dict[str, bytes]:
    folder = tmp_path / "fresh"
    build(replace(wish, out=folder), SILENT)
    found = tree(folder)
    shutil.rmtree(folder)
    return found


def test_it_builds_what_is_new_and_nothing_else(here, wish, tmp_path):
    follower = Follower.of(wish)
    assert follower.step()[0].built.rows == 0
    assert follower.step() == (None, job.PERIOD_S)
    for name in ("ann", "bob"):  # both go into one build
        here.accepted(name, sku=f"GPU of {name}")
    report, wait = follower.step()
    assert (report.built.made, report.built.entries, wait) == (2, here_size(here), 0.0)
    assert follower.step() == (None, job.PERIOD_S)
    assert tree(wish.out) == fresh(wish, tmp_path)
    with here.registry.reading() as reader:
        told = queries.told(reader, jobs.site(wish.out))
    assert (told["entries"], told["behind"], told["failures"], told["error"]) == (here_size(here), 0, 0, "")


def cosigned(here, note: bytes) -> bytes:
    """What a witness makes of a checkpoint, kept beside it."""
    own = note.partition(b"\n\n")[0] + b"\n"
    whole = note + cosignature.line(own, key("witness"), "w.example/1", 1_796_000_000)
    here.registry.keep_checkpoint(checkpoint.parse(own, "note").size, whole)
    return whole


def test_what_a_witness_signs_afterwards_is_shown(here, wish, tmp_path):
    follower, newest = Follower.of(wish), wish.out / "log" / "checkpoint"
    first = sign_checkpoint(here.registry, key("registry"))
    follower.step()
    assert newest.read_bytes() == first
    whole = cosigned(here, first)
    report, _ = follower.step()
    assert (report.built.made, follower.step()) == (0, (None, job.PERIOD_S))
    assert newest.read_bytes() == (wish.out / "log" / "checkpoints" / str(here_size(here))).read_bytes() == whole
    here.join("ann")
    second = sign_checkpoint(here.registry, key("registry"))
    follower.step()
    here.join("bob")
    sign_checkpoint(here.registry, key("registry"))
    cosigned(here, second)  # by a witness that is slow
    follower.step()
    assert tree(wish.out) == fresh(wish, tmp_path)


def here_size(here) -> int:
    with here.registry.reading() as reader:
        return reader.size()


def test_what_one_process_built_another_does_not_build_again(here, wish, monkeypatch):
    one, other = Follower.of(wish), Follower.of(wish)
    assert one.step()[0] is not None
    assert other.step()[0] is not None  # what is in the folder it does not know yet
    here.accepted("ann", sku="A")
    assert one.step()[0].built.made == 1
    assert other.step() == (None, job.PERIOD_S)
    assert other.shown == one.shown


def test_while_one_has_the_turn_nobody_else_builds(here, wish):
    here.accepted("ann", sku="A")
    if not here.registry.locks_rows:
        pytest.skip("on SQLite the folder's lock does it: test_build.py::test_one_build_at_a_time")
    with jobs.turn(open_database(here.registry.target), jobs.site(wish.out)) as turn:
        assert turn is not None
        assert Follower.of(wish).step() == (None, job.BUSY_S)
        assert not wish.out.exists()
        with jobs.turn(here.registry, jobs.site(wish.out.with_name("other"))) as another:
            assert another is not None
        here.accepted("bob", sku="B")  # the log goes on meanwhile
    assert Follower.of(wish).step()[0].built.rows == 2


def test_a_failure_is_counted_told_and_tried_again_later(here, wish):
    wish.out.mkdir()
    (wish.out / "thesis.txt").write_text("years of work")
    follower = Follower.of(wish)
    waits = []
    for _ in range(8):
        report, wait = follower.step()
        assert isinstance(report.error, BadInput)
        waits.append(wait)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    with here.registry.reading() as reader:
        told = queries.told(reader, jobs.site(wish.out))
    assert (told["failures"], told["error"], told["entries"]) == (8, "BadInput", 0)
    (wish.out / "thesis.txt").unlink()
    assert follower.step()[0].built.rows == 0
    with here.registry.reading() as reader:
        assert queries.told(reader, jobs.site(wish.out))["failures"] == 0


def test_an_error_that_nobody_expected_ends_nothing(here, wish, monkeypatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("the secret of somebody")

    follower = Follower.of(wish)
    monkeypatch.setattr(job, "build", broken)
    report, _ = follower.step()
    assert report.error.code == "ZeroDivisionError"
    assert "secret" not in str(report.error)
    with here.registry.reading() as reader:
        assert queries.told(reader, jobs.site(wish.out))["error"] == "ZeroDivisionError"
    monkeypatch.undo()
    assert follower.step()[0].built is not None


def test_publish_builds_once_and_waits_for_its_turn(here, wish, tmp_path):
    here.accepted("ann", sku="A")
    if here.registry.locks_rows:

        def wait(_seconds: float) -> None:
            raise InterruptedError

        with jobs.turn(here.registry, jobs.site(wish.out)), pytest.raises(InterruptedError):
            publish(wish, SILENT, wait)
    assert publish(wish, SILENT).rows == 1
    assert tree(wish.out) == fresh(wish, tmp_path)


def test_a_process_follows_what_others_do_and_outlives_a_kill(here, wish, tmp_path):
    heard: list[Told] = []
    keeper = Keeper()
    try:
        keeper.follow(wish, heard.append)
        until((wish.out / "index.html").exists, "the first build")
        row = here.accepted("ann", sku="A")  # by another process's hands: nobody wakes it
        page = wish.out / "rows" / row[:16] / "index.html"
        until(page.exists, "the row's page")
        process = keeper._process
        process.send_signal(signal.SIGKILL)
        until(lambda: keeper._process is not process, "a new process")
        assert any(one.code == "Ended" for one in heard)
        other = here.accepted("bob", sku="B")
        keeper.wake()
        until((wish.out / "rows" / other[:16] / "index.html").exists, "the second row's page")
        until(lambda: heard[-1].entries == here_size(here), "what it tells")
    finally:
        keeper.stop()
    assert keeper._process.poll() is not None
    assert tree(wish.out) == fresh(wish, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= {"registry", "site", ".site.twin"}


def test_a_service_says_how_far_its_site_is_and_answers_its_pages(here, wish):
    first = here.record("ann", sku="A")
    here.submit(first)
    with served(here.registry, key("registry"), limited=False, site=wish.out) as client:
        waiting = client.get("/index.html")
        assert (waiting.status_code, waiting.headers["retry-after"]) == (503, "1")
        shown = client.get("/rows/", headers={"accept": "text/html,*/*;q=0.8"})
        assert (shown.status_code, shown.headers["retry-after"]) == (503, "1")
        assert shown.headers["content-type"] == "text/html; charset=utf-8"
        assert "The site is being built" in shown.text
        assert 'http-equiv="refresh"' in shown.text
        assert waiting.json()["code"] == "unavailable"
        assert client.get("/readyz").json()["site"] is None
        follower = Follower.of(wish)
        follower.step()
        page = f"/rows/{first.id[:16]}/"
        assert client.get(page).status_code == 404
        here.approve(first.id)
        assert client.get("/readyz").json()["site"]["behind"] == 1
        assert "repro_site_entries_behind 1.0" in client.get("/metrics").text
        follower.step()
        assert client.get(page).status_code == 200
        assert client.get("/operators/ann.html").status_code == 200
        assert client.get("/readyz").json()["site"] == {
            "entries": here_size(here), "behind": 0, "age_s": 0, "failures": 0, "error": "",
        } | {"age_s": client.get("/readyz").json()["site"]["age_s"]}  # fmt: skip


def test_pages_are_files_of_the_site_alone(here, wish, tmp_path):
    here.accepted("ann", sku="A")
    publish(wish, SILENT)
    (tmp_path / "secret").write_text("x")
    (wish.out / "link.txt").symlink_to(tmp_path / "secret")
    with served(here.registry, key("registry"), limited=False, site=wish.out) as client:
        page = client.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        again = client.get("/", headers={"If-None-Match": page.headers["etag"]})
        assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")
        assert (
            page.headers["cache-control"] == "no-cache"
        )  # else what was taken out is shown until a browser asks again
        drawing = client.get("/assets/" + next((wish.out / "assets").glob("*.svg")).name)
        assert "sandbox" in drawing.headers["content-security-policy"]
        for path in ("/healthz", "/readyz", "/metrics"):
            assert client.get(path).headers["cache-control"] == "no-store", path
        assert client.get("/index.html", headers={"Range": "bytes=0-3"}).content == page.content[:4]
        assert client.head("/").headers["content-length"] == str(len(page.content))
        moved = client.get("/operators", follow_redirects=False)
        assert (moved.status_code, moved.headers["location"]) == (307, "/operators/")
        elsewhere = client.get("//operators", follow_redirects=False)
        assert elsewhere.headers.get("location", "/operators/") == "/operators/"
        for path in ("/.site.json", "/link.txt", "/../secret", "/%2e%2e/secret", "/rows\\x", "/nothing", "/a%00b"):
            assert client.get(path).status_code == 404, path
        assert client.post("/index.html").status_code == 405


def test_a_page_that_is_replaced_while_it_is_sent_stays_whole(here, wish):
    publish(wish, SILENT)
    big, other = b"a" * (4 << 20), b"b" * 100
    target = wish.out / "big.txt"
    target.write_bytes(big)
    stop = threading.Event()

    def replaced() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            made = wish.out / "made.txt"
            made.write_bytes(big if number % 2 else other)
            made.replace(target)

    writer = threading.Thread(target=replaced)
    with served(here.registry, key("registry"), limited=False, site=wish.out) as client:
        writer.start()
        try:
            for _ in range(60):
                assert client.get("/big.txt").content in (big, other)
        finally:
            stop.set()
            writer.join()


def test_a_service_wakes_its_site_when_something_new_is_in_the_log(service):
    woken = []
    service.world.join("ann")
    own = Service(service.world.registry, key("registry"), Settings(helpers=0), changed=lambda: woken.append(1))
    own.start()
    own._take([])
    own.stop()
    assert woken == [1]
