"""Which process of this machine serves a port, and whether it holds a certain file. Linux; elsewhere nothing is known."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

_LISTEN = "0A"


def process_of(port: int, proc: Path = Path("/proc")) -> int | None:
    """The process that listens on the TCP port; None where it can't be seen."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port, proc)}
    if not sockets:
        return None
    for folder in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for link in (folder / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(link.readlink()) in sockets:
                        return int(folder.name)
    return None


def _inodes(port: int, proc: Path) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (proc / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]


def holds(pid: int, model: Path, proc: Path = Path("/proc")) -> bool:
    """Whether the process, or one that it started, has the file (or a weight file of the folder) open or mapped."""
    files = list(model.glob("*.safetensors")) if model.is_dir() else [model]
    wanted = {str(path.resolve()) for path in files}
    for one in [pid, *_descendants(pid, proc)]:
        with contextlib.suppress(OSError):
            for line in (proc / str(one) / "maps").read_text().splitlines():
                if line.rpartition("  ")[2].strip() in wanted:
                    return True
        with contextlib.suppress(OSError):
            for link in (proc / str(one) / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(link.readlink()) in wanted:
                        return True
    return False


def _descendants(pid: int, proc: Path) -> list[int]:
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
