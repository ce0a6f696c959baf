"""A registry with a console, and editors who sit at it with passkeys in software: what a browser and its script do, over HTTP."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2

from harness.record.editor_keys import PublicEditor
from harness.registry.actions import editors
from harness.registry.actions.acts import act
from harness.registry.actions.editors import Change, changed
from tests.support.authenticator import Authenticator
from tests.support.console_forms import Form, form_to
from tests.support.registry_world import World, key, world
from tests.support.served import served

COOKIE = "__Host-repro-console"
HTML = {"accept": "text/html"}


@dataclass
class Desk:
    """One person's browser. `handle` "": nobody's."""

    world: World
    client: httpx2.Client
    origin: str
    handle: str = ""
    passkey: Authenticator = field(default_factory=Authenticator)
    cookie: str = ""

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.client.get(path, headers=HTML | self._cookie() | headers, follow_redirects=False)

    def post(
        self,
        path: str,
        fields: Sequence[tuple[str, str]] | Mapping[str, str],
        headers: Mapping[str, str | None] | None = None,
    ) -> httpx2.Response:
        pairs = list(fields.items()) if isinstance(fields, Mapping) else list(fields)
        return self.post_raw(path, str(httpx2.QueryParams(pairs)).encode(), headers)

    def post_raw(self, path: str, body: bytes, headers: Mapping[str, str | None] | None = None) -> httpx2.Response:
        sent: dict[str, str | None] = {
            **HTML, **self._cookie(), "origin": self.origin, "sec-fetch-site": "same-origin",
            "content-type": "application/x-www-form-urlencoded", **(headers or {}),
        }  # fmt: skip
        real = {name: value for name, value in sent.items() if value is not None}
        return self.client.post(path, content=body, headers=real, follow_redirects=False)

    def _cookie(self) -> dict[str, str]:
        return {"cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {}

    def sign_in(self) -> httpx2.Response:
        form = form_to(self.get("/console/sign-in").text, "/console/sign-in")
        answer = self.post(form.action, self.signed(form))
        found = answer.headers.get("set-cookie", "")
        if found.startswith(COOKIE):
            self.cookie = found.partition("=")[2].partition(";")[0]
        return answer

    def signed(self, form: Form, passkey: Authenticator | None = None, **how: Any) -> list[tuple[str, str]]:
        """The form's fields as the script leaves them, each part signed. Keywords as `Authenticator.assertion` has them."""
        own = passkey or self.passkey
        values: dict[str, list[str]] = {}
        for part in form.parts:
            made = own.assertion(base64.b64decode(part["challenge"]), how.pop("origin", self.origin), **how)
            for name in ("authenticator_data", "client_data_json", "signature"):
                values.setdefault(name, []).append(base64.b64encode(getattr(made, name)).decode())
            values.setdefault("credential", []).append(base64.b64encode(own.credential_id).decode())
        return [(name, values[name].pop(0) if name in values else value) for name, value in form.fields]

    def prepare(
        self, kind: str, subject: str, reason: str = "complete, and possible", **fields: str
    ) -> httpx2.Response:
        page = self.get("/console/editors").text
        csrf = next(value for name, value in form_to(page, "/console/sign-out").fields if name == "csrf")
        after = fields.pop("after", None) or str(self.size())
        told = {"csrf": csrf, "kind": kind, "subject": subject, "reason": reason, "after": after, **fields}
        return self.post("/console/prepare", told)

    def act(self, kind: str, subject: str, reason: str = "complete, and possible", **fields: str) -> httpx2.Response:
        """Prepared, and signed."""
        page = self.prepare(kind, subject, reason, **fields)
        assert page.status_code == 200, page.text
        form = form_to(page.text, "/console/acts")
        return self.post(form.action, self.signed(form))

    def size(self) -> int:
        with self.world.registry.reading() as reader:
            return reader.size()


def add_editor(
    made: World, handle: str, passkey: Authenticator, threshold: int | None = None, next_key: str = ""
) -> None:
    """To the list, by `ed` and his key file."""
    following = next_key or Authenticator(passkey.algorithm, passkey.rp_id, f"next {passkey.name}").key.id
    newcomer = PublicEditor(handle, passkey.key.text(), following)
    document = changed(made.registry, Change(added=(newcomer,), threshold=threshold))
    act(made.registry, made.editor(), "editors-changed", "editors", reason="joins us", detail={"editors": document})


@contextmanager
def console(
    place: str, *names: str, founded: World | None = None, **settings: Any
) -> Iterator[tuple[World, list[Desk]]]:
    """A console, and a desk for each name, whose passkey is on the list; nobody is signed in."""
    made = founded or world(place)
    with served(made.registry, key("registry"), **({"limited": False} | settings)) as client:
        port = client.base_url.port
        origin = f"http://localhost:{port}"
        editors.allow_passkeys(made.registry, made.editor(), origin, "localhost", "editors use passkeys")
        client.base_url = httpx2.URL(origin)
        desks = []
        for number, name in enumerate(names):
            passkey = Authenticator((-7, -8)[number % 2], "localhost", name)
            add_editor(made, name, passkey)
            desks.append(Desk(made, client, origin, name, passkey))
        yield made, desks


def nobody(desk: Desk) -> Desk:
    """The same browser, signed out."""
    return replace(desk, handle="", cookie="")
