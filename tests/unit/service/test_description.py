"""The API's description is the one in docs/schema/, and names every address that docs/service.md names."""

from __future__ import annotations

import json
from pathlib import Path

from harness.registry.opening import open_database
from harness.service.app import app_of
from harness.service.core import Service, Settings
from tests.support.registry_world import key, world

ROOT = Path(__file__).parents[3]


def description(tmp_path):
    world(str(tmp_path / "registry")).registry.close()
    return app_of(Service(open_database(str(tmp_path / "registry")), key("registry"), Settings())).openapi()


def test_the_description_is_the_published_one(tmp_path):
    published = json.loads((ROOT / "docs/schema/service-v1.json").read_text())
    assert description(tmp_path) == published, "changed: if that is meant: make schema"


def test_it_is_openapi_3_1_and_every_refusal_is_a_problem_document(tmp_path):
    found = description(tmp_path)
    assert found["openapi"].startswith("3.1")
    for path, methods in found["paths"].items():
        for method, one in methods.items():
            for status, answer in one["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (path, method, status)


def test_the_page_names_every_address(tmp_path):
    page = (ROOT / "docs/service.md").read_text()
    for path in description(tmp_path)["paths"]:
        assert path.partition("{")[0].rstrip("/") in page, path
