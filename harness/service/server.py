"""The process: a socket, uvicorn, the application. TLS is a proxy's business."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from harness.errors import BadInput
from harness.service.app import app_of
from harness.service.core import Service

HOST = "127.0.0.1"


def bound(port: int) -> socket.socket:
    """A socket of this machine alone; port 0: any free one. Raises `BadInput` for one in use."""
    own = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        own.bind((HOST, port))
    except OSError as error:
        own.close()
        raise BadInput(
            f"can't be served on ({error.strerror})", where=f"port {port}", fix="name another: --port"
        ) from error
    return own


def run(service: Service, own: socket.socket, ready: Callable[[str], None]) -> None:
    """Serve until interrupted; what was begun is finished first. `ready` is told the address."""
    service.start()
    config = uvicorn.Config(
        app_of(service),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=30,
        lifespan="on",
    )
    ready(f"http://{HOST}:{own.getsockname()[1]}/")
    uvicorn.Server(config).run(sockets=[own])
