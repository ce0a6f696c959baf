"""The public log over HTTP: C2SP's files from the database, and nothing of what waits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from harness.tlog import checkpoint, merkle, tiles
from tests.unit.service.conftest import problem


def filled(service):
    """A row; a record that waits."""
    row = service.world.accepted("ann")
    waits = service.world.record("bob", seed=4)
    service.world.join("bob")
    assert service.post(service.submission(waits)).status_code == 201
    return row, waits


def test_the_log_is_whole_by_its_tiles_and_its_checkpoint(service):
    row, _ = filled(service)
    told = service.client.get("/registry.json").json()
    assert told["size"] == told["checkpoint"] == service.size()
    assert told["withheld"] == [[told["size"] - 1, told["size"] - 1]]
    name, key = checkpoint.parse_vkey(told["vkey"], "key")
    newest = service.client.get("/checkpoint")
    assert newest.headers["cache-control"] == "no-cache"
    assert newest.content == service.client.get(f"/checkpoints/{told['checkpoint']}").content
    signed = checkpoint.read(newest.content, {name: key}, "checkpoint")
    tree = merkle.Tree()
    for one in tiles.layout(told["size"]):
        answer = service.client.get(f"/{one.path}")
        assert "immutable" in answer.headers["cache-control"]
        if one.level is None:
            tree.extend(map(merkle.leaf_hash, tiles.read_bundle(answer.content, one.width, one.path)))
    assert tree.root() == signed.root == bytes.fromhex(told["root"])
    node = tiles.read_node(told["size"], lambda path: service.client.get(f"/{path}").content)
    assert merkle.root(told["size"], node) == signed.root
    body = service.client.get(f"/records/{row}/record.dsse.json")
    assert body.headers["etag"] == f'"{sha256(body.content).hexdigest()}"'
    again = service.client.get(f"/records/{row}/record.dsse.json", headers={"If-None-Match": body.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_what_is_not_public_has_no_address(service):
    row, waits = filled(service)
    event = service.submission(waits)["event"]
    for path in (
        f"/records/{waits.id}/record.dsse.json",
        f"/records/{waits.id}/samples.parquet",
        f"/events/{sha256(event).hexdigest()}.json",
        f"/events/{sha256(waits.envelope).hexdigest()}.json",
        f"/records/{row}/{sha256(waits.envelope).hexdigest()}",
    ):
        assert problem(service.client.get(path))["status"] == 404, path
    service.world.approve(waits.id)
    assert service.client.get(f"/records/{waits.id}/record.dsse.json").content == waits.envelope
    assert service.client.get("/registry.json").json()["withheld"] == []
    service.world.act(service.world.actor("bob"), "record-withdrawn", waits.id, reason="on battery")
    assert problem(service.client.get(f"/records/{waits.id}/samples.parquet"))["status"] == 404


@pytest.mark.parametrize(
    "path",
    ["/tile/0/001", "/tile/0/000.p/255", "/tile/entries/000.p/0", "/tile/9/000.p/1", "/tile/..%2f..%2fetc/passwd", "/tile/",
     "/checkpoints/-1", "/checkpoints/007", "/checkpoints/99999999999999999999", "/checkpoints/1e3", "/events/x.json", "/events/..",
     "/records/%00/samples.parquet", "/records/x/y/z"],
)  # fmt: skip
def test_no_odd_path_is_more_than_not_there(plain, path):
    plain.world.accepted("ann")
    assert problem(plain.client.get(path))["status"] in (400, 404)


def test_thirty_two_clients_read_while_events_come(service):
    row = service.world.accepted("ann")
    assert service.post({"event": service.joining("first")}).status_code == 201

    def read(_number):
        told = service.client.get("/registry.json").json()
        first = next(tiles.layout(told["size"])).path
        answers = [service.client.get(path) for path in ("/checkpoint", f"/{first}", f"/records/{row}/samples.parquet")]
        return [answer.status_code for answer in answers]

    with ThreadPoolExecutor(32) as pool:
        waiting = [pool.submit(read, number) for number in range(128)]
        for number in range(4):
            service.world.join(f"zed{number}")
            assert service.post({"event": service.joining(f"new{number}")}).status_code == 201
        assert {tuple(one.result()) for one in waiting} == {(200, 200, 200)}
