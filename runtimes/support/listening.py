"""Which process of this machine serves a port, and whether it holds a certain file. Linux; elsewhere nothing is known."""

from __future__ import annotations

import contextlib
import ipaddress
import sys
from collections.abc import Iterator
from pathlib import Path

_LISTEN = "0A"


def processes_at(address: str, port: int, proc: Path = Path("/proc")) -> list[int]:
    """The processes that listen where a connection to the address ends; empty where they can't be seen.

    A socket bound to the very address takes it before one that is bound to all of them.
    """
    listening = list(_listening(port, proc))
    target = ipaddress.ip_address(address)
    exact = {inode for bound, inode in listening if bound == target}
    sockets = exact or {inode for bound, inode in listening if bound.is_unspecified}
    wanted = {f"socket:[{inode}]" for inode in sockets}
    found = []
    for folder in proc.glob("[0-9]*") if wanted else ():
        with contextlib.suppress(OSError):
            if any(_target(link) in wanted for link in (folder / "fd").iterdir()):
                found.append(int(folder.name))
    return sorted(found)


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _listening(port: int, proc: Path) -> Iterator[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, str]]:
    """Address and inode of every socket that listens on the port."""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (proc / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                host, _, number = fields[1].rpartition(":")
                if fields[3] == _LISTEN and int(number, 16) == port:
                    yield _address(host), fields[9]


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The kernel writes each 32-bit word in the machine's own order."""
    raw = bytes.fromhex(text)
    words = [raw[i : i + 4] for i in range(0, len(raw), 4)]
    if sys.byteorder == "little":
        words = [word[::-1] for word in words]
    found = ipaddress.ip_address(b"".join(words))
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def holds(pid: int, model: Path, proc: Path = Path("/proc")) -> bool:
    """Whether the process, or one that it started, has the file (or a weight file of the folder) open or mapped."""
    files = list(model.glob("*.safetensors")) if model.is_dir() else [model]
    wanted = {str(path.resolve()) for path in files}
    for one in [pid, *descendants(pid, proc)]:
        with contextlib.suppress(OSError):
            mapped = ((proc / str(one) / "maps").read_text()).splitlines()
            if any(line.split(maxsplit=5)[5:] == [path] for line in mapped for path in wanted):
                return True
        with contextlib.suppress(OSError):
            if any(_target(link) in wanted for link in (proc / str(one) / "fd").iterdir()):
                return True
    return False


def descendants(pid: int, proc: Path = Path("/proc")) -> list[int]:
    """The processes that it started, and that these started."""
    parents: dict[int, list[int]] = {}
    for folder in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The second field may hold spaces and brackets: what follows the last bracket is plain.
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(folder.name))
    found, left = [], [pid]
    while left:
        children = parents.get(left.pop(), [])
        found += children
        left += children
    return found
