"""HTTP/1.1 as a service reads it: what is not HTTP, and a head that does not end, are answered with a problem document, too."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from harness.errors import BadInput, TooSlow
from harness.service import problems

HEAD_SECONDS = 30.0  # for which the head of a request may arrive
HEAD_LIMIT = 64 << 10  # bytes of it


class Protocol(H11Protocol):
    """Of one connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The clock of its first request runs."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """No clock runs."""
        self._rest()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The clock stops when a head is whole, and runs again when another has begun."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._watch()
        elif self.conn.their_state is not h11.IDLE:
            self._rest()

    def send_400_response(self, msg: str) -> None:
        """To what is not HTTP, or too long in its head."""
        fix = f"send HTTP/1.1 with a head of {HEAD_LIMIT >> 10} KiB at most"
        self._refuse(problems.problem(BadInput("is not HTTP/1.1, or too long", where="request", fix=fix)))

    def _watch(self) -> None:
        if self._head is None:
            self._head = self.loop.call_later(HEAD_SECONDS, self._late)

    def _rest(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _late(self) -> None:
        self._head = None
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            return
        if not self.conn.trailing_data[0]:
            self.transport.close()  # a line that was opened and not used
        else:
            what = f"must arrive within {HEAD_SECONDS:g} s"
            self._refuse(problems.problem(TooSlow(what, where="head", fix="send it again, faster")))

    def _refuse(self, document: Response) -> None:
        """The last answer of this connection; none where another answer has begun."""
        self._rest()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [*document.raw_headers, (b"x-content-type-options", b"nosniff"), (b"connection", b"close")]
            events = (
                h11.Response(status_code=document.status_code, headers=headers, reason=b"Bad Request"),
                h11.Data(data=bytes(document.body)),
                h11.EndOfMessage(),
            )
            self.transport.write(b"".join(self.conn.send(one) or b"" for one in events))
        self.transport.close()
