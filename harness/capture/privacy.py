"""The last gate before a record is written: nothing in it may name this host, its user or its network."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil

# Shorter names, and the likes of `root`, would be found in every innocent word.
LEAST_LENGTH = 5
_COMMON = frozenset({"root", "user", "admin", "ubuntu", "debian", "localhost", "runner"})
_IDS = ("/etc/machine-id", "/proc/sys/kernel/random/boot_id", "/var/lib/dbus/machine-id")


def own_identifiers() -> frozenset[str]:
    """Host and user names, home, MAC and IP addresses, machine and boot ids of this machine, in lower case."""
    found = {socket.gethostname(), socket.getfqdn(), str(Path.home())}
    found |= {os.environ.get(name, "") for name in ("HOSTNAME", "USER", "LOGNAME", "HOME")}
    with contextlib.suppress(KeyError, OSError):
        found.add(getpass.getuser())
    for path in _IDS:
        try:
            found.add(Path(path).read_text().strip())
        except OSError:
            continue
    for addresses in psutil.net_if_addrs().values():
        found |= {
            a.address.partition("%")[0] for a in addresses if not a.address.startswith(("127.", "::1", "00:00:00"))
        }
    return frozenset(
        text.lower() for text in found if len(text) >= LEAST_LENGTH and text.lower() not in _COMMON and text != "/root"
    )


def leaks(document: Any, identifiers: Iterable[str]) -> list[str]:
    """Where in a JSON-like document one of the identifiers stands: `environment.host.os`; empty when nowhere."""
    wanted = tuple(identifiers)
    return [place for place, text in _texts(document, "") if any(mark in text.lower() for mark in wanted)]


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield f"{place}.{key}".lstrip("."), str(key)
            yield from _texts(item, f"{place}.{key}".lstrip("."))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, f"{place}[{index}]")
