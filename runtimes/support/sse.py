"""A small client for servers that stream completions: JSON calls, and one POST read event by event. Standard library only."""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from harness.errors import BadInput, RunFailed

TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where it listens; `base` is the path before `/completions`, such as `/v1`."""

    host: str
    port: int
    base: str

    @classmethod
    def at(cls, url: str, remote: bool) -> Server:
        """The server of an http:// address. Raises `BadInput` for one that is not this machine's, unless `remote`."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or 80
        except ValueError as error:
            raise BadInput(
                f"is no address ({error})", where=f"-o url={url}", fix="write http://127.0.0.1:8080/v1"
            ) from error
        if parts.scheme != "http" or not host or parts.username is not None or parts.query:
            raise BadInput(
                "is not a plain http:// address", where=f"-o url={url}", fix="write http://127.0.0.1:8080/v1"
            )
        if not remote and not _loopback(host):
            raise BadInput(
                f"{host} is not this machine",
                where="-o url",
                fix="its speed is not this machine's; to measure it all the same give -o remote=true",
            )
        return cls(host, port, parts.path.rstrip("/"))

    @property
    def loopback(self) -> bool:
        """Whether it listens on this machine, or something here that passes on to another."""
        return _loopback(self.host)

    def address(self) -> str:
        """The address that a connection really goes to."""
        connection = self._connect()
        try:
            connection.connect()
            peer: str = connection.sock.getpeername()[0]
        except OSError as error:
            raise self._silent(error) from error
        finally:
            connection.close()
        return peer

    def call(self, path: str, body: Any = None) -> Any:
        """The JSON answer; None for an error status. Raises `BadInput` where nobody answers."""
        connection = self._connect()
        try:
            if body is None:
                connection.request("GET", path)
            else:
                connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            return json.loads(text) if answer.status == 200 else None
        except ValueError:
            return None
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(error) from error
        finally:
            connection.close()

    def stream(self, path: str, body: Any, event: Callable[[bytes], None], begin: Callable[[], None]) -> None:
        """POST `body`; `begin` is called right before it is sent, `event` with each event's data as it arrives.

        Raises `RunFailed` when the server refuses, or closes before it has said that it is done.
        """
        connection = self._connect()
        text = json.dumps(body).encode()
        try:
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            begin()
            connection.request("POST", path, text, {"Content-Type": "application/json", "Accept": "text/event-stream"})
            answer = connection.getresponse()
            if answer.status != 200:
                said = answer.read(500).decode(errors="replace")
                raise RunFailed(
                    f"the server answers {answer.status}: {said}", where=path, code=f"status {answer.status}"
                )
            while line := answer.readline():
                if line.startswith(b"data:"):
                    data = line[5:].strip()
                    if data == b"[DONE]":
                        return
                    event(data)
        except ConnectionRefusedError as error:
            raise self._silent(error) from error
        except (OSError, http.client.HTTPException) as error:
            raise RunFailed(f"the stream broke off ({error})", where=path, code="stream broke off") from error
        finally:
            connection.close()
        raise RunFailed("the server closed the stream before its end", where=path, code="stream broke off")

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)

    def _silent(self, error: BaseException) -> BadInput:
        return BadInput(
            f"no server answers at {self.host}:{self.port} ({error})",
            where="-o url",
            fix="start it, or check the address",
        )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
