"""The console's pages that only tell: queue, record, operators, requests, editors, policy, log, health."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response

from harness.errors import BadInput, NotFound, ReproError
from harness.registry.actions import editors, passkeys, proposals
from harness.registry.actions.acts import utc
from harness.registry.queries import (
    active_policy,
    evidence,
    examined,
    failures,
    history,
    limits,
    operators,
    reports,
    told,
    witnesses,
)
from harness.registry.queries.review import Dossier, Waiting
from harness.registry.queries.told import Asker
from harness.registry.store import Registry
from harness.service.console import record_page, words
from harness.service.console.guard import Visit, add
from harness.service.console.listing import Asked, Listings
from harness.service.core import Service
from harness.tlog.event import HEX

LINES = 100  # entries of the log on a page


def routes(app: FastAPI, service: Service) -> None:
    """The addresses."""
    add(app, service, "GET", "/console/", partial(_queue, Listings()))
    add(app, service, "GET", "/console/records/{record}", _record)
    add(app, service, "GET", "/console/operators", _operators)
    add(app, service, "GET", "/console/operators/{handle}", _operator)
    add(app, service, "GET", "/console/requests", _requests)
    add(app, service, "GET", "/console/reports", _reports)
    add(app, service, "GET", "/console/editors", _editors)
    add(app, service, "GET", "/console/policy", _policy)
    add(app, service, "GET", "/console/log", _log)
    add(app, service, "GET", "/console/health", _health)


async def _queue(listings: Listings, visit: Visit) -> Response:
    asked = {name: visit.request.query_params.get(name, "")[:80] for name in ("operator", "remark", "text")}
    page = _number(visit.request.query_params.get("page", ""), "page") or 1
    found = await asyncio.to_thread(
        listings.of, visit.service.registry, Asked(asked["operator"], asked["text"], max(page, 1))
    )
    shown = [one for one in found.queue.found if asked["remark"] in ("", *_kinds(one))]
    kinds = sorted({kind for one in found.queue.found for kind in _kinds(one)})
    groups = [group for group in examined.alike(found.queue) if all(one in shown for one in group)]
    return visit.page(
        "queue_page.html", found=found, shown=shown, asked=asked, kinds=kinds, groups=groups, reasons=words.REASONS,
        several=[(kind, words.act(kind)) for kind in words.SEVERAL], **_failed(found.failed, asked),
    )  # fmt: skip


def _failed(found: failures.Listed, asked: Mapping[str, str]) -> dict[str, Any]:
    """Runs that failed, as far as they fit: nothing is remarked on them, and one that was not examined has no text."""
    fits = [one for one in found.told if asked["operator"] in ("", one.operator)]
    text = asked["text"].casefold()
    unread = [one for one in found.unread if asked["operator"] in ("", one.operator) and not text]
    filtered = any(asked.values())
    return {
        "failed": [] if asked["remark"] else [one for one in fits if text in failures.line(one).casefold()],
        "broken_failures": [] if filtered else found.unreadable,
        "unread_failures": [] if asked["remark"] else unread,
        "failed_waiting": len(found.told) + len(found.unreadable) + len(found.unread),
    }


def _kinds(one: Dossier | Waiting) -> set[str]:
    return {remark.kind for remark in one.remarks} if isinstance(one, Dossier) else set()


def _number(text: str, where: str) -> int | None:
    """Of a query; None where it is empty. Raises `BadInput`."""
    if text and not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise BadInput("must be a whole number", where=where, fix="write digits")
    return int(text) if text else None


async def _record(visit: Visit) -> Response:
    identity = visit.request.path_params["record"]
    if HEX.fullmatch(identity) is None:
        raise NotFound("there is no such record", where=identity[:12], fix="see the queue")
    view = await asyncio.to_thread(_record_view, visit.service.registry, identity)
    return visit.page("record_page.html", reasons=words.REASONS, **view)


def _record_view(registry: Registry, identity: str) -> dict[str, Any]:
    found = examined.examined(registry, identity)
    with registry.reading() as reader:
        acts = history.acts_of(reader, identity)
        following = examined.waiting_after(reader, identity)
        beside = [one for one in evidence.beside(reader, identity) if not one.removed]
    return {**record_page.view(found), "acts": acts, "following": following, "beside": beside}


async def _operators(visit: Visit) -> Response:
    found = await visit.service.ask(operators.listing)
    return visit.page("operators_page.html", found=found)


async def _operator(visit: Visit) -> Response:
    handle = visit.request.path_params["handle"]
    about = await visit.service.ask(told.operator, handle)
    size, acts, older, ties, keys, own = await visit.service.ask(_of_operator, handle)
    asker = Asker(visit.editor.handle, True, visit.editor.key)
    submitted = await visit.service.ask(told.submitted, asker, handle)
    return visit.page(
        "operator_page.html",
        handle=handle,
        about=about,
        size=size,
        acts=acts,
        older=older,
        ties=ties,
        keys=keys,
        limits=own,
        submitted=submitted,
    )


def _of_operator(
    reader: Any, handle: str
) -> tuple[int, list[dict[str, Any]], int, list[str], list[Any], limits.InForce]:
    acts = history.acts_of(reader, handle)
    own = limits.of(reader, handle, utc()[:10])
    older = max(len(acts) - LINES, 0)
    return reader.size(), acts[older:], older, operators.tied_to(reader, handle), operators.keys_of(reader, handle), own


async def _requests(visit: Visit) -> Response:
    asker = Asker(visit.editor.handle, True, visit.editor.key)
    size = await visit.service.ask(lambda reader: reader.size())
    found = await visit.service.ask(told.requests, asker)
    state = visit.request.query_params.get("status", "")[:20]
    states = sorted({str(one["status"]) for one in found.values()})
    shown = {name: one for name, one in found.items() if state in ("", str(one["status"]))}
    return visit.page(
        "requests_page.html",
        found=shown,
        states=states,
        state=state,
        steps=words.REQUEST_STEPS,
        words=words.ACTS,
        size=size,
    )


async def _reports(visit: Visit) -> Response:
    size, found = await visit.service.ask(lambda reader: (reader.size(), reports.listed(reader)))
    rows: dict[str, list[reports.Told]] = {}
    for one in found:
        rows.setdefault(one.row, []).append(one)
    ordered = sorted(rows.items(), key=lambda row: all(one.status != "open" for one in row[1]))
    return visit.page("reports_page.html", rows=ordered, size=size)


async def _editors(visit: Visit) -> Response:
    registry = visit.service.registry
    size = await visit.service.ask(lambda reader: reader.size())
    found = await asyncio.to_thread(editors.editors_of, registry)
    keys = await asyncio.to_thread(passkeys.passkeys_of, registry)
    waiting = await asyncio.to_thread(proposals.waiting, registry)
    return visit.page(
        "editors_page.html",
        found=found,
        keys=keys,
        waiting=waiting,
        size=size,
        words=words.ACTS,
        web_origin=visit.web_origin,
        rp_id=visit.rp_id,
    )


async def _policy(visit: Visit) -> Response:
    size = await visit.service.ask(lambda reader: reader.size())
    now = (await asyncio.to_thread(editors.editors_of, visit.service.registry)).approvals
    trouble, loaded = "", None
    try:
        loaded = await visit.service.ask(active_policy.in_force)
    except ReproError as error:
        trouble = str(error)
    names = active_policy.names()
    pages = visit.service.settings.pages
    return visit.page(
        "policy_page.html", loaded=loaded, trouble=trouble, names=names, approvals=now, size=size, pages=pages
    )


async def _log(visit: Visit) -> Response:
    of = visit.request.query_params.get("of", "").strip()[:64]
    before = _number(visit.request.query_params.get("before", ""), "before")
    size = await visit.service.ask(lambda reader: reader.size())
    end = size if before is None else min(before, size)
    first = 0 if of else max(end - LINES, 0)
    acts = await visit.service.ask(history.acts_of, of or None, first, end)
    shown = list(reversed(acts))[:LINES]
    earlier = first if not of else shown[-1]["index"] if len(acts) > LINES else 0
    return visit.page("log_page.html", acts=shown, of=of, earlier=earlier, size=size)


async def _health(visit: Visit) -> Response:
    ready = await visit.service.ask(told.ready)
    about = await visit.service.ask(told.about)
    asked = await visit.service.ask(witnesses.listing)
    return visit.page(
        "health_page.html", ready=ready, about=about, waiting=visit.service.waiting, witnesses=asked, size=about["size"]
    )
