"""Sites built once, one browser, and pages that are used again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from harness.progress import SILENT
from harness.registry.opening import open_readable
from harness.registry.queries.active_policy import in_force
from harness.site.build import Wish, build
from harness.site.data.values import Site
from tests.browser import hostile
from tests.browser.kinds import paths
from tests.browser.visitor import Visitor, visitor
from tests.support.registry_world import world

ROOT = Path(__file__).resolve().parents[2]
DEMONSTRATION = ROOT / "results" / "demo-registry"
TODAY = date(2026, 11, 24)


def built(registry: str, out: Path) -> Path:
    build(Wish(registry, out, TODAY), SILENT)
    return out


def listed(site: Path) -> list[dict[str, Any]]:
    """The rows, as `api/v1/rows.json` has them."""
    return json.loads((site / "api/v1/rows.json").read_text("utf-8"))["rows"]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration registry's."""
    return built(str(DEMONSTRATION), tmp_path_factory.mktemp("demonstration") / "site")


@pytest.fixture(scope="session")
def empty_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    world(str(folder / "registry"))
    return built(str(folder / "registry"), folder / "site")


@pytest.fixture(scope="session")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    hostile.registry(str(folder / "registry"))
    return built(str(folder / "registry"), folder / "site")


@pytest.fixture(scope="session")
def rows(site: Path) -> list[dict[str, Any]]:
    return listed(site)


@pytest.fixture(scope="session")
def hostile_rows(hostile_site: Path) -> list[dict[str, Any]]:
    return listed(hostile_site)


@pytest.fixture(scope="session")
def facts() -> Site:
    """What the demonstration's pages know of the whole: of it the policy counts here."""
    with open_readable(str(DEMONSTRATION)).reading() as reader:
        loaded = in_force(reader)
        origin, policy = reader.origin(), loaded.policy
        return Site(
            origin, f"https://{origin}/", policy, policy.name, loaded.sha256, TODAY, reader.size(), demonstration=True
        )


@pytest.fixture(scope="session")
def kinds(site: Path, rows: list[dict[str, Any]]) -> dict[str, str]:
    """Where a page of each kind stands."""
    found = paths(site, rows)
    assert [path for path in found.values() if not (site / path).is_file()] == []
    return found


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        pass


@pytest.fixture(scope="session")
def served(site: Path) -> Iterator[str]:
    """The demonstration's site at any web server; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site)))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()


def chromium() -> str | None:
    """Where a Chromium stands, if one does."""
    named = [os.environ.get("REPRO_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    return next((found for name in named if name and (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    where = chromium()
    if where is None:
        pytest.skip("no Chromium is installed: apt-get install chromium, or name one in REPRO_CHROMIUM")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=where, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="session")
def with_script(browser: Browser) -> Visitor:
    return visitor(browser)


@pytest.fixture(scope="session")
def without_script(browser: Browser) -> Visitor:
    return visitor(browser, java_script_enabled=False)
