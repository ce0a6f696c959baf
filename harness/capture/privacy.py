"""The last gate before a record is written: nothing in it may name this host, its user or its network."""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil

from harness.capture import public_names

# Shorter names, and the likes of `root`, would be found in every innocent word.
LEAST_LENGTH = 5
_COMMON = frozenset(
    "admin debian fedora intel linux localhost macos model nvidia pytorch radeon root runner server ubuntu user windows".split()
)
_IDS = ("/etc/machine-id", "/proc/sys/kernel/random/boot_id", "/var/lib/dbus/machine-id")


def own_identifiers() -> frozenset[str]:
    """Host and user names, home, MAC and IP addresses, machine and boot ids of this machine, in lower case."""
    found = {socket.gethostname()}
    with contextlib.suppress(RuntimeError):  # a user without a home
        found.add(str(Path.home()))
    found |= {name.partition(".")[0] for name in found if not name.startswith("/")}  # "name.local" is also "name"
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


def distinctive(identifiers: Iterable[str], vocabulary: str) -> frozenset[str]:
    """Those that are no words of ours: a user called `bench` or `llama` is not named by every record."""
    text = vocabulary.lower()
    words = {*re.findall(r"[a-z][a-z0-9_]*", text), *re.findall(r"[a-z][a-z0-9_.@-]*[a-z0-9]", text)}
    return frozenset(identifiers) - words


def leaks(document: Any, identifiers: Iterable[str]) -> list[str]:
    """Where in a JSON-like document one of the identifiers stands as a word: `environment.host.os`; empty when nowhere.

    A word of public names passes in the fields that hold such names (`public_names`).
    """
    wanted = sorted(identifiers)
    if not wanted:
        return []
    # As a word of its own: 10.0.0.1 does not stand in 110.0.0.12.
    mark = re.compile(r"(?<![a-z0-9])(?:" + "|".join(map(re.escape, wanted)) + r")(?![a-z0-9])")
    return [
        place
        for place, text, key in _texts(document, "")
        if any(not public_names.passes(found, place, key=key) for found in mark.findall(text.lower()))
    ]


def _texts(value: Any, place: str) -> Iterator[tuple[str, str, bool]]:
    """Each text with its place, and whether it is a field's name."""
    if isinstance(value, str):
        yield place, value, False
    elif isinstance(value, dict):
        for key, item in value.items():
            yield f"{place}.{key}".lstrip("."), str(key), True
            yield from _texts(item, f"{place}.{key}".lstrip("."))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, f"{place}[{index}]")
