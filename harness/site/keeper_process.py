"""What the process does that follows a registry with its site; `harness.site.keeper` starts it and tells it which."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.site.folder import Wish
from harness.site.job import Follower, Report
from harness.site.keeper import Told

_CLEARING_S = 10.0


def told(report: Report) -> Told:
    """As it is sent."""
    if report.built is None:
        error = report.error
        return Told(report.seconds, "" if error is None else error.code, "" if error is None else str(error))
    one = report.built
    lines = tuple(doubt.line for doubt in one.left_out)
    return Told(report.seconds, "", "", one.rows, one.made, one.files, one.removed, one.entries, lines)


def main(wish: Wish, awake: threading.Event, say: Callable[[Told], None]) -> None:
    """Follow until the process ends."""
    follower: Follower | None = None
    while True:
        awake.clear()
        wait = 1.0
        try:
            follower = follower or Follower.of(wish)
        except Exception as error:  # the registry may come back
            say(Told(0.0, type(error).__name__, str(error)[:300]))
        else:
            report, wait = follower.step()
            if report is not None:
                say(told(report))
        awake.wait(wait)


def _wish(line: bytes) -> Wish:
    found: dict[str, Any] = json.loads(line)
    found |= {"out": Path(found["out"]), "as_of": datetime.now(UTC).date()}
    return Wish(**found)


def _watch(awake: threading.Event) -> None:
    """Wake up for whatever comes; end with the input, in the middle of a build, too, which then takes its own things away."""
    while os.read(0, 4096):
        awake.set()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_CLEARING_S)
    os._exit(1)


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _say(one: Told) -> None:
    sys.stdout.write(json.dumps(asdict(one)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends this process
    signal.signal(signal.SIGTERM, _end)
    first = bytearray()
    while not first.endswith(b"\n"):  # not through a buffer, which would keep what comes after
        first += os.read(0, 1) or os._exit(0)
    wakeful = threading.Event()
    with suppress(KeyboardInterrupt):
        threading.Thread(target=_watch, args=(wakeful,), daemon=True).start()
        main(_wish(bytes(first)), wakeful, _say)
