"""An application of HTTP as it runs: a socket of this machine, uvicorn in a thread of the test."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx2
import uvicorn
from starlette.applications import Starlette

from harness.service.server import bound, config

TICK_S = 0.1  # uvicorn's own


class Server(uvicorn.Server):
    """Ends when it is told: uvicorn's looks ten times a second whether it was, and then waits a tenth for whoever is connected."""

    def end(self) -> None:
        """From any thread."""
        self.should_exit = True
        self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), TICK_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        state = self.server_state
        for server in self.servers:
            server.close()
        while state.connections or state.tasks:
            for connection in list(state.connections):
                connection.shutdown()
            await asyncio.sleep(0.001)
        await self.lifespan.shutdown()


@contextmanager
def running(app: Starlette) -> Iterator[httpx2.Client]:
    """A client of it; its `base_url` is the address."""
    own = bound(0)
    server = Server(config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [own]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.001)
    try:
        # Nothing here is TLS, whose roots take 40 ms to read.
        address = f"http://127.0.0.1:{own.getsockname()[1]}"
        with httpx2.Client(base_url=address, timeout=300, verify=False) as client:
            yield client
    finally:
        server.end()
        thread.join()
        own.close()
