"""Who may ask the console for what: every route and method, every kind of person, and the log after each success."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from fastapi.routing import APIRoute

from harness.record import editor_keys
from harness.registry.actions.acts import Actor, act
from harness.registry.actions.editors import Change, changed
from harness.service.app import app_of
from harness.service.console.permissions import TABLE
from harness.service.core import Service, Settings
from tests.support.authenticator import Authenticator
from tests.support.console_desk import Desk, console, nobody
from tests.support.console_forms import form_to
from tests.support.registry_world import key, world

ROLES = ("nobody", "operator", "editor", "expired editor", "removed editor")
# What each answers, role by role as above. 303 without a session: to the page that signs in.
SHOWN = (303, 303, 200, 200, 303)
ANYBODY = (200, 200, 200, 200, 200)
EXPECTED: dict[tuple[str, str], tuple[int, ...]] = {
    ("GET", "/console/assets/{name}"): ANYBODY,
    ("GET", "/console"): (303,) * 5,
    ("GET", "/console/sign-in"): (200, 200, 303, 303, 200),
    ("POST", "/console/sign-in"): (401, 401, 303, 303, 401),
    ("GET", "/console/passkeys/new"): ANYBODY,
    ("POST", "/console/passkeys/new"): ANYBODY,
    ("POST", "/console/demonstration"): (303,) * 5,
    ("POST", "/console/sign-out"): (401, 401, 303, 303, 401),
    ("GET", "/console/"): SHOWN,
    ("GET", "/console/records/{record}"): SHOWN,
    ("GET", "/console/operators"): SHOWN,
    ("GET", "/console/operators/{handle}"): SHOWN,
    ("GET", "/console/requests"): SHOWN,
    ("GET", "/console/reports"): SHOWN,
    ("GET", "/console/editors"): SHOWN,
    ("GET", "/console/proposals/{digest}"): SHOWN,
    ("GET", "/console/policy"): SHOWN,
    ("GET", "/console/log"): SHOWN,
    ("GET", "/console/health"): SHOWN,
    ("POST", "/console/prepare"): (401, 401, 200, 403, 401),
    ("POST", "/console/prepare-several"): (401, 401, 200, 403, 401),
    ("POST", "/console/acts"): (401, 401, 303, 403, 401),
    ("POST", "/console/several"): (401, 401, 200, 403, 401),
    ("POST", "/console/proposals/{digest}"): (401, 401, 303, 303, 401),
}
# How many entries a success makes. All others make none.
ENTRIES = {
    ("POST", "/console/acts"): 1,
    ("POST", "/console/several"): 2,
    ("POST", "/console/proposals/{digest}"): 1,
    ("POST", "/console/demonstration"): 1,
}


def enrol(registry, text: str) -> int:
    """As a demonstration's own."""
    document = changed(registry, Change(added=(editor_keys.parse(text, "text"),)))
    return act(
        registry,
        Actor("ed", (key("ed"),)),
        "editors-changed",
        "editors",
        reason="a visitor",
        detail={"editors": document},
    ).entry.index


def test_each_route_of_the_application_has_a_row_here_and_no_method_comes_with_another(tmp_path):
    made = world(str(tmp_path / "registry"), demonstration=True)
    app = app_of(Service(made.registry, key("registry"), Settings(helpers=0, enrol=enrol)))
    found = {
        (m, r.path) for r in app.routes if isinstance(r, APIRoute) and r.path.startswith("/console") for m in r.methods
    }
    assert found == set(EXPECTED) == set(TABLE)
    assert all(
        len(route.methods) == 1
        for route in app.routes
        if isinstance(route, APIRoute) and route.path.startswith("/console")
    )


def test_a_route_without_a_row_can_not_be_added(tmp_path):
    from fastapi import FastAPI

    from harness.service.console import guard

    made = world(str(tmp_path / "registry"))
    with pytest.raises(KeyError):
        guard.add(FastAPI(), Service(made.registry, key("registry"), Settings()), "POST", "/console/new", None)


class Scene:
    """A registry in which each route has something to do, and the person who asks."""

    def __init__(self, made, desk: Desk, other: Desk, role: str) -> None:
        self.made, self.other = made, other
        self.records = [self._record(sku=f"GeForce RTX {n}") for n in (4090, 3090)]
        self.single = self._record("bea", sku="GeForce RTX 3080")
        self.form: dict[str, list[tuple[str, str]]] = {}
        self.digest = ""
        self.desk = desk
        self._prepare(role)

    def _record(self, name: str = "ada", **setup: object) -> str:
        found = self.made.record(name, **setup)
        self.made.submit(found)
        return found.id

    def _prepare(self, role: str) -> None:
        desk, other = self.desk, self.other
        prepared = form_to(desk.prepare("record-approved", self.single).text, "/console/acts")
        self.form["/console/acts"] = desk.signed(prepared)
        page = form_to(desk.get("/console/").text, "/console/prepare-several")
        several = [(n, v) for n, v in page.fields if n in ("csrf", "after")]
        several += [("kind", "record-sent-back"), ("reason", "alike"), *(("record", one) for one in self.records)]
        self.form["/console/prepare-several"] = several
        signing = form_to(desk.post("/console/prepare-several", several).text, "/console/several")
        self.form["/console/several"] = desk.signed(signing)
        csrf = next(value for name, value in several if name == "csrf")
        self.csrf = csrf
        self.form["/console/prepare"] = [
            ("csrf", csrf), ("kind", "record-rejected"), ("subject", self.single), ("reason", "too wide"), ("after", str(desk.size())),
        ]  # fmt: skip
        self._become(role)
        where = other.act("editors-changed", "editors", "two from now on", threshold="2", expires=EXPIRES).headers[
            "location"
        ]
        self.digest = where.rpartition("/")[2]
        if self.desk.cookie and role in ("editor", "expired editor"):
            form = form_to(self.desk.get(where).text, where)
            self.form["/console/proposals/{digest}"] = self.desk.signed(form)
        self.form["/console/sign-out"] = [("csrf", csrf)]

    def _become(self, role: str) -> None:
        if role == "nobody":
            self.desk = replace(nobody(self.desk), passkey=Authenticator(-8, "localhost", "a stranger's"))
        elif role == "operator":  # a key that the registry knows, and that is not an editor's
            self.desk = replace(nobody(self.desk), handle="ada", passkey=Authenticator(-8, "localhost", "ada's own"))
        elif role == "removed editor":
            self._list(removed=(self.desk.handle,))
        elif role == "expired editor":
            self._list(expires=PAST)

    def _list(self, removed: tuple[str, ...] = (), expires: str | None = None) -> None:
        document = changed(self.made.registry, Change(removed=removed))
        if expires:
            document["expires"] = expires  # no command makes a list that has expired already
        act(
            self.made.registry,
            self.made.editor(),
            "editors-changed",
            "editors",
            reason="so it is",
            detail={"editors": document},
        )

    def ask(self, method: str, path: str) -> int:
        desk = self.desk
        where = path.format(name="", record=self.single, handle="ada", digest=self.digest)
        if path == "/console/assets/{name}":
            where = (
                desk.get("/console/passkeys/new").text.partition('href="')[2].partition('href="')[2].partition('"')[0]
            )
        if method == "GET":
            return desk.get(where).status_code
        if path == "/console/sign-in":
            form = form_to(nobody(desk).get("/console/sign-in").text, path)
            return desk.post(path, desk.signed(form)).status_code
        if path == "/console/passkeys/new":
            return desk.post(path, made_passkeys(desk)).status_code
        if path == "/console/demonstration":
            nonce = next(v for n, v in made_passkeys(desk) if n == "csrf")
            key_, following = Authenticator(-8, "localhost", "v").key, Authenticator(-8, "localhost", "w").key
            text = f'{{"handle": "visitor", "key": "{key_.text()}", "next_key_sha256": "{following.id}"}}'
            return desk.post(path, {"csrf": nonce, "editor": text}).status_code
        return desk.post(where, self.form.get(path, [("csrf", self.csrf)])).status_code


PAST = "2020-01-01"
EXPIRES = "2027-06-30"


def made_passkeys(desk: Desk) -> list[tuple[str, str]]:
    form = form_to(nobody(desk).get("/console/passkeys/new?handle=rob").text, "/console/passkeys/new")
    fields = [(name, value) for name, value in form.fields if name in ("csrf", "handle")]
    for number, part in enumerate(form.parts):
        passkey = Authenticator(-8, "localhost", f"rob {number}")
        data, attestation = passkey.registration(base64.b64decode(part["challenge"]), desk.origin)
        for name, value in (("client_data_json", data), ("attestation_object", attestation)):
            fields.append((name, base64.b64encode(value).decode()))
    return fields


def scenes(role: str) -> list[list[tuple[str, str]]]:
    """What reads or is refused must change nothing: one scene for all of it. Whatever else is taken has a scene of its own."""
    still, own = [], []
    for (method, path), statuses in EXPECTED.items():
        quiet = method == "GET" or statuses[ROLES.index(role)] >= 400
        (still if quiet else own).append((method, path))
    return [still, *([one] for one in own)]


@pytest.mark.parametrize("role", ROLES)
def test_the_table(role, tmp_path):
    wrong = []
    for number, routes in enumerate(scenes(role)):
        founded = world(str(tmp_path / f"registry-{number}"), demonstration=True)
        with console("", "pia", "quin", founded=founded, enrol=enrol) as (made, [desk, other]):
            desk.sign_in()
            other.sign_in()
            scene = Scene(made, desk, other, role)
            for method, path in routes:
                before, expected = other.size(), EXPECTED[method, path][ROLES.index(role)]
                status = scene.ask(method, path)
                entries = ENTRIES.get((method, path), 0) if status < 400 else 0
                if status != expected or other.size() - before != entries:
                    wrong.append(
                        f"{method} {path}: {status}, not {expected}; {other.size() - before} entries, not {entries}"
                    )
    assert not wrong, "\n".join(wrong)
