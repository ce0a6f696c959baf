"""What every request to the console passes: its session, its role, its form's token and origin; and what every answer carries."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response

from harness.errors import NotAllowed, ReproError, Unsigned, one_line, statuses
from harness.registry.actions import nonces, passkeys, sessions
from harness.registry.actions.sessions import Session
from harness.service import bodies, problems
from harness.service.console import forms, render
from harness.service.console.forms import Form
from harness.service.console.permissions import TABLE, Role
from harness.service.core import Service

COOKIE = "__Host-repro-console"
SIGN_IN = "/console/sign-in"
_UNSAFE = ("POST",)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request that may be answered. `web_origin`, `rp_id`: where passkeys count; "" where the registry has adopted none."""

    service: Service
    request: Request
    role: Role
    session: Session | None
    form: Form
    web_origin: str
    rp_id: str

    @property
    def editor(self) -> Session:
        """Of a route that only editors may ask for."""
        assert self.session is not None  # noqa: S101 - the table says so
        return self.session

    def about(self, page: str) -> None:
        """Where the subject of the act is shown: a page that refuses the act leads there."""
        self.request.state.back = page

    def page(self, template: str, status: int = 200, /, **values: Any) -> Response:
        """With what every page shows."""
        return render.page(template, status, **_frame(self.service, self.request, self.session), **values)


Handler = Callable[[Visit], Awaitable[Response]]


def add(app: FastAPI, service: Service, method: str, path: str, handler: Handler) -> None:
    """The route, guarded as its row of the table says. Raises `KeyError` where it has none."""
    permission = TABLE[method, path]

    async def endpoint(request: Request) -> Response:
        try:
            answer = await _answered(service, request, permission.roles, handler)
        except ReproError as error:
            answer = _refusal(service, request, error)
        for name, value in render.HEADERS.items():
            answer.headers[name] = value
        return answer

    name = f"console {method} {path}"
    app.add_api_route(path, endpoint, methods=[method], name=name, include_in_schema=False, response_model=None)


async def _answered(service: Service, request: Request, roles: frozenset[Role], handler: Handler) -> Response:
    unsafe = request.method in _UNSAFE
    token = request.cookies.get(COOKIE, "")
    session = await asyncio.to_thread(sessions.of, service.registry, token) if token else None
    request.state.session = session
    role = Role.NOBODY if session is None else Role.EDITOR if session.in_force else Role.EXPIRED
    if role not in roles:
        return _turned_away(role, unsafe)
    adopted = await asyncio.to_thread(passkeys.allowed, service.registry)
    web_origin, rp_id = ("", "") if adopted is None else (adopted.web_origin, adopted.rp_id)
    form = Form({})
    if unsafe:
        _same_origin(request, web_origin)
        if Role.NOBODY in roles:
            await _pays(service, request)
        body = await bodies.read(request, service.held, forms.LIMIT)
        try:
            form = forms.read(request.headers.get("content-type", ""), body)
        finally:
            service.held.bytes -= len(body)
        await _token(service, None if Role.NOBODY in roles else session, form)
    return await handler(Visit(service, request, role, session, form, web_origin, rp_id))


def _turned_away(role: Role, unsafe: bool) -> Response:
    if role is not Role.NOBODY:
        raise NotAllowed("the list of editors has expired", where="editors", fix="renew it on the page of editors")
    if unsafe:
        raise Unsigned("nobody is signed in", where="session", fix="sign in with a passkey")
    return RedirectResponse(SIGN_IN, 303)


def _same_origin(request: Request, web_origin: str) -> None:
    """Raises `NotAllowed` for a form of another site's page, and where the registry has no address of its own."""
    origin = request.headers.get("origin", "")
    if not web_origin or origin != web_origin or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        fix = f"open {web_origin}/console/" if web_origin else "say where passkeys count: repro registry passkeys URL"
        raise NotAllowed("must be sent by a page of this console", where="origin", fix=fix)


async def _token(service: Service, session: Session | None, form: Form) -> None:
    """Raises `NotAllowed` for a form that this console did not make for this session."""
    csrf = form.one("csrf", "")
    if session is None:  # a number of its own, once
        try:
            await asyncio.to_thread(nonces.use, service.registry, service.nonce_key, csrf)
        except Unsigned as error:
            raise NotAllowed(f"the form's number {error.what}", where="csrf", fix="open the page again") from None
    elif not hmac.compare_digest(csrf.encode(), session.csrf.encode()):
        raise NotAllowed("must be a form of this session", where="csrf", fix="open the page again")


async def _pays(service: Service, request: Request) -> None:
    address = request.client.host if request.client else ""
    service.may_ask(address)
    await service.spend_address(address)


def _refusal(service: Service, request: Request, error: ReproError) -> Response:
    """A page for a person, a problem document for anybody else."""
    service.failed(error)
    document = problems.problem(error)
    if "text/html" not in request.headers.get("accept", ""):
        return document
    status = statuses(type(error)).http_status
    told = (error.what, error.where, error.fix) if status < 500 else ("the registry can't answer this now", "", "")
    what, where, fix = (one_line(text, 300) for text in told)
    frame = _frame(service, request, getattr(request.state, "session", None))
    back = getattr(request.state, "back", "")
    answer = render.page("refused.html", status, **frame, status=status, what=what, where=where, fix=fix, back=back)
    if "retry-after" in document.headers:
        answer.headers["Retry-After"] = document.headers["retry-after"]
    return answer


def _frame(service: Service, request: Request, session: Session | None) -> dict[str, Any]:
    return {
        "origin": service.origin,
        "demonstration": service.demonstration,
        "path": request.url.path,
        "session": session,
        "csrf": "" if session is None else session.csrf,
        "entry": _entry(request.query_params.get("entry", "")),
    }


def _entry(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
