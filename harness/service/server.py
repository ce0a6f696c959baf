"""The process: a socket, uvicorn, the application. TLS is a proxy's business."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from harness.errors import BadInput
from harness.service import http1
from harness.service.app import app_of
from harness.service.core import Service
from harness.service.log import standard
from harness.service.telemetry import Telemetry

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


def run(service: Service, own: socket.socket, ready: Callable[[str], None], telemetry: Telemetry | None = None) -> None:
    """Serve until interrupted; what was begun is finished first. `ready` is told the address."""
    log = standard()
    service.log = log
    if telemetry is not None:
        service.log, service.stopped = telemetry.beside(log), telemetry.close
    service.start()

    def told(address: str) -> None:
        service.log("serving", address=address)
        ready(address)

    listen(app_of(service), own, told)


def listen(app: ASGIApp, own: socket.socket, ready: Callable[[str], None]) -> None:
    """As `run`, of any application."""
    own.listen(2048)  # whoever is told the address may come at once
    ready(f"http://{HOST}:{own.getsockname()[1]}/")
    uvicorn.Server(config(app)).run(sockets=[own])


def config(app: ASGIApp) -> uvicorn.Config:
    """How any application is served."""
    return uvicorn.Config(
        app,
        http=http1.Protocol,
        forwarded_allow_ips=HOST,  # of a proxy on this machine, whatever the environment says
        h11_max_incomplete_event_size=http1.HEAD_LIMIT,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=30,
        lifespan="on",
    )
