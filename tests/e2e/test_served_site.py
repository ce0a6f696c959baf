"""`repro serve --site`: from a submission over HTTP to the pages that its receipt names, and to the end by Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from harness.service.log import FIELDS
from tests.support.patience import PATIENCE_S
from tests.support.people import hosted

ROOT = Path(__file__).parents[2]


@pytest.fixture
def people(tmp_path):
    return hosted(tmp_path, "ann")


def answered(url: str) -> httpx2.Response:
    """The page, once it is there."""
    end = time.monotonic() + PATIENCE_S
    # Nothing here is TLS, whose roots each call would read anew.
    while (answer := httpx2.get(url, verify=False)).status_code != 200:
        assert time.monotonic() < end, url
        time.sleep(0.2)
    return answer


@contextmanager
def ended(service: subprocess.Popen[str]) -> Iterator[None]:
    """Whatever fails meanwhile: its end is waited for."""
    try:
        yield
    except BaseException:
        service.kill()
        raise


def test_the_pages_that_a_receipt_names_come_with_the_approval(people, tmp_path):
    site = tmp_path / "site"
    program = "from harness.cli import main; main()"
    command = [sys.executable, "-c", program, "serve", "--registry", str(people.registry), "--port", "0"]
    environment = {
        **os.environ,
        "XDG_CONFIG_HOME": str(people.folder / "ed"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    with subprocess.Popen(
        [*command, "--site", str(site)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        # A shell that starts the tests in the background ignores Ctrl-C, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as service, ended(service):  # fmt: skip
        url = service.stdout.readline().split()[0].rstrip("/")
        assert "Nothing is public yet" in answered(f"{url}/").text
        said = people("ann", "submit", people.record("ann", "one"), REPRO_REGISTRY=url)
        assert said.returncode == 0, said.stderr
        pages = [line.split(": ", 1)[1] for line in said.stderr.splitlines() if line.startswith(("once", "operator"))]
        assert len(pages) == 2
        assert {httpx2.get(page).status_code for page in pages} == {404}
        identity = said.stdout.split()[0]
        people.good("ed", "review", "approve", identity, "--reason", "complete")  # by another process
        for page in pages:
            assert "ann" in answered(page).text
        assert httpx2.get(f"{url}/readyz").json()["site"]["failures"] == 0
        service.send_signal(signal.SIGINT)
        assert service.wait(PATIENCE_S) == 130
        *lines, last = service.stderr.read().splitlines()
    assert last == "repro: interrupted"
    written = [json.loads(line) for line in lines if line]
    assert {"serving", "answered", "taken", "site built"} <= {one["event"] for one in written}
    assert all(set(one) <= FIELDS for one in written)
    assert not any(identity[:12] in line or "127.0.0.1" in line for line in lines if "serving" not in line)
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".")} == {".site.twin"}
