"""What a service writes down: named fields, and nothing that a request brought."""

from __future__ import annotations

import io
import json
import logging

import httpx2
import pytest

from harness.service import log as logs
from harness.service.core import Service, Settings
from harness.service.log import FIELDS, Handler, Log
from tests.support.coroutines import finished
from tests.support.registry_world import key


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_field_that_is_not_listed_is_dropped_and_texts_stay_on_a_line():
    stream = io.StringIO()
    Log(stream)("taken", kind="record\n-submitted", entry=3, client="192.0.2.7", body=b"x", handle="ann", code=None)
    (found,) = lines(stream)
    assert found.pop("timestamp").endswith("Z")
    assert found == {"level": "info", "event": "taken", "kind": "record -submitted", "entry": 3}
    assert len(stream.getvalue().splitlines()) == 1


def test_of_an_error_of_a_library_only_kind_and_place_are_told():
    stream = io.StringIO()
    logger = logging.getLogger("tests.of.the.log")
    logger.propagate, logger.handlers = False, [Handler(Log(stream))]
    try:
        raise ValueError("the body of 192.0.2.7")
    except ValueError:
        logger.exception("from %s", "192.0.2.7")
    logger.warning("Invalid HTTP request received from %s.", "192.0.2.7")
    first, second = lines(stream)
    assert (first["code"], first["level"]) == ("ValueError", "error")
    assert second["event"] == "Invalid HTTP request received from %s."
    assert "192.0.2.7" not in stream.getvalue()


def test_no_field_names_a_person_or_what_was_sent():
    assert not FIELDS & {"handle", "client", "body", "key", "operator", "record", "path", "query", "headers", "ip"}


@pytest.mark.parametrize("query", ["", "?dry_run=1"])
def test_requests_leave_routes_and_no_traces(plain, query):
    """Of a whole service: what it writes while it is asked for everything, with odd words in each place."""
    stream = io.StringIO()
    service = Service(plain.world.registry, key("registry"), Settings(limited=False, helpers=0), log=Log(stream))
    service.start()
    from harness.service.app import app_of

    transport = httpx2.ASGITransport(app_of(service), raise_app_exceptions=False, client=("192.0.2.7", 4711))
    word = "Xq7wordXq7"

    async def ask() -> None:
        async with httpx2.AsyncClient(transport=transport, base_url="http://registry") as client:
            parts = {"event": plain.joining("zoe")}
            await client.post("/v1/events" + query, files={n: (word, d) for n, d in parts.items()})
            await client.post("/v1/events", content=word, headers={"X-Word": word, "Content-Type": word})
            for path in (f"/v1/operators/{word}", f"/v1/rows/{word}?x={word}", f"/{word}", "/v1/entries/0", "/healthz"):
                await client.get(path)

    finished(ask)
    service.stop()
    found = lines(stream)
    assert all(set(one) <= FIELDS for one in found)
    assert {"/v1/events", "/v1/operators/{handle}", "/v1/entries/{entry}"} <= {one.get("route") for one in found}
    assert ("taken" in {one["event"] for one in found}) is (not query)
    for trace in (word, "192.0.2.7", "zoe", key("registry").public_key().public_bytes_raw().hex()):
        assert trace not in stream.getvalue(), trace
    assert logs.FIELDS
