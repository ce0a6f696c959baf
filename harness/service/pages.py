"""The files of a site that is built while it is read: each answer is of one file, opened once."""

from __future__ import annotations

import mimetypes
import os
import stat
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Receive, Scope, Send

from harness.errors import RecordInvalid
from harness.inside import refuse_links

_INDEX = "index.html"
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC
_SOON_S = "1"
_OF_DRAWINGS = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
_WAITING = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="{_SOON_S}">
<title>The site is being built</title>
<h1>The site is being built</h1>
<p>This page asks again every second, and shows the site when it is there.</p>
<p>The registry answers already: <a href="/v1/registry">/v1/registry</a>. Editors: <a href="/console/">/console/</a>.</p>
"""


class Pages(StaticFiles):
    """A folder's files, `index.html` for a folder; nothing hidden, no links. It may be empty yet, or another at each request."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True, check_dir=False)
        self._folder = folder

    async def check_config(self) -> None:
        """The folder may come later."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Raises `HTTPException`."""
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        parts = [part for part in scope["path"].split("/") if part]
        if any(part.startswith(".") or "\\" in part or "\0" in part for part in parts):
            raise HTTPException(404)
        found, index = await anyio.to_thread.run_sync(_opened, self._folder, parts)
        if found is None:
            if await anyio.to_thread.run_sync((self._folder / _INDEX).exists):
                raise HTTPException(404)
            return _waiting(Headers(scope=scope))
        made = _Once(found, _INDEX if index else parts[-1])
        # A browser that guesses how long a page holds would show for days what an editor has taken out.
        made.headers["Cache-Control"] = "no-cache"
        if made.media_type == "image/svg+xml":  # opened by itself it is a document, at the console's own address
            made.headers["Content-Security-Policy"] = _OF_DRAWINGS
        if index and not scope["path"].endswith("/"):
            made.close()
            return RedirectResponse("/" + "".join(f"{quote(part)}/" for part in parts))
        if self.is_not_modified(made.headers, Headers(scope=scope)):
            made.close()
            return NotModifiedResponse(made.headers)
        return made


def _waiting(headers: Headers) -> Response:
    """For a person a page, which comes back by itself. Raises `HTTPException`: a program is told when to ask again."""
    told = {"Retry-After": _SOON_S}
    if "text/html" not in headers.get("accept", ""):
        raise HTTPException(503, headers=told)
    alone = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cache-Control": "no-store"}
    return HTMLResponse(_WAITING, 503, {**told, **alone})


class _Once(FileResponse):
    """Of a file that is open: what is sent is what was measured, whatever has the name by then."""

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        super().__init__(f"/dev/fd/{descriptor}", media_type=kind, stat_result=os.fstat(descriptor))

    def close(self) -> None:
        """Without an answer, or after it."""
        with suppress(OSError):
            os.close(self._descriptor)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.close()


def _opened(folder: Path, parts: list[str]) -> tuple[int | None, bool]:
    """A descriptor of the regular file, and whether it is the index of the folder that was named; None where there is none."""
    path = folder.joinpath(*parts)
    for one, index in ((path, False), (path / _INDEX, True)):
        try:
            refuse_links(folder, one.parent)
            descriptor = os.open(one, _FLAGS)
        except (OSError, ValueError, RecordInvalid):
            continue
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor, index
        os.close(descriptor)
    return None, False
