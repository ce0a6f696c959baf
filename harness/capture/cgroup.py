"""Limits of the control group that this process is in, both versions. Never repeats a group's name.

A limit holds for every group below it, so each is looked up from the process's own group to the top of what can be
seen. In a container the top is the container's own group, whatever /proc/self/cgroup calls it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from harness.capture.facts import Fact, known, unknown
from harness.capture.source import Tree

NO_LIMIT = "no limit is set"
_UNLIMITED_V1 = 2**60  # version 1 spells "no limit" as the largest multiple of a page


def own_groups(text: str) -> dict[str, str]:
    """/proc/self/cgroup as controller → path; version 2 under the empty name."""
    groups: dict[str, str] = {}
    for line in text.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            groups.update(dict.fromkeys(parts[1].split(","), parts[2]))
    return groups


def _folders(tree: Tree, controller: str) -> Iterator[str]:
    """Every folder that may hold the controller's files, the process's own group first."""
    groups = own_groups(tree.text("proc/self/cgroup").value or "")
    seen: set[str] = set()
    homes = [
        (groups.get("", "/"), ("", "unified")),
        (groups.get(controller, "/"), (controller, f"{controller},cpuacct")),
    ]
    for path, mounts in homes:
        clean = PurePosixPath("/", *(p for p in path.split("/") if p not in ("", ".", "..")))
        for group in (clean, *clean.parents):
            for mount in mounts:
                folder = str(PurePosixPath("sys/fs/cgroup", mount) / str(group).lstrip("/"))
                if folder not in seen:
                    seen.add(folder)
                    yield folder


def texts(tree: Tree, controller: str, *names: str) -> list[str]:
    """What the files called `names` hold in the process's group and in those above it."""
    found = (tree.text(f"{folder}/{name}") for folder in _folders(tree, controller) for name in names)
    return [fact.value for fact in found if fact.value is not None]


def _integer(text: str) -> int | None:
    try:
        return int(text.strip())
    except ValueError:
        return None


def quota_of(text: str) -> int | None:
    """Millicores from `cpu.max` ("200000 100000"); None for "max" and for what cannot be understood."""
    parts = text.split()
    quota, period = _integer(parts[0]) if parts else None, _integer(parts[1]) if len(parts) > 1 else 100_000
    if quota is None or period is None or quota <= 0 or period <= 0:
        return None
    return min(quota * 1000 // period, 10**9)


def cpu_quota_millicores(tree: Tree) -> Fact[int]:
    """The tightest CPU quota over this process, in thousandths of a core."""
    found = [quota_of(text) for text in texts(tree, "cpu", "cpu.max")]
    for folder in _folders(tree, "cpu"):
        quota, period = tree.text(f"{folder}/cpu.cfs_quota_us"), tree.text(f"{folder}/cpu.cfs_period_us")
        if quota.value is not None and period.value is not None:
            found.append(quota_of(f"{quota.value} {period.value}"))
    return _tightest(found, "the CPU quota")


def cpu_account(tree: Tree) -> tuple[int, int] | None:
    """The tightest CPU quota over this process in millicores, and the CPU time that its group has used in ns; None without one.

    What else runs under the same quota takes its time from us, on whichever cores.
    """
    found: list[tuple[int, int]] = []
    for folder in _folders(tree, "cpu"):
        quota = quota_of(tree.text(f"{folder}/cpu.max").value or "")
        if quota is None:
            old = (tree.text(f"{folder}/{name}").value or "" for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
            quota = quota_of(" ".join(old))
        used = _used_ns(tree, folder)
        if quota is not None and used is not None:
            found.append((quota, used))
    return min(found, default=None)


def _used_ns(tree: Tree, folder: str) -> int | None:
    for line in (tree.text(f"{folder}/cpu.stat").value or "").splitlines():
        name, _, value = line.partition(" ")
        if name == "usage_usec":
            number = _integer(value)
            return None if number is None else number * 1000
    apart = f"{folder}/".replace("/cpu/", "/cpuacct/", 1)  # version 1 may mount the account in a place of its own
    for place in (f"{folder}/", apart):
        number = _integer(tree.text(f"{place}cpuacct.usage").value or "")
        if number is not None:
            return number
    return None


def memory_limit_bytes(tree: Tree) -> Fact[int]:
    """The tightest memory limit over this process."""
    raw = [_integer(text) for text in texts(tree, "memory", "memory.max", "memory.limit_in_bytes")]
    return _tightest([n if n is not None and 0 < n < _UNLIMITED_V1 else None for n in raw], "the memory limit")


def oom_kills(tree: Tree) -> int | None:
    """How many processes of this one's own group the kernel has killed for want of memory since the group was made; None where
    no file tells. https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.events), v1: memory.oom_control.
    """
    for folder in _folders(tree, "memory"):
        for name in ("memory.events.local", "memory.events", "memory.oom_control"):
            for line in (tree.text(f"{folder}/{name}").value or "").splitlines():
                word, _, value = line.partition(" ")
                if word == "oom_kill" and _integer(value) is not None:
                    return _integer(value)
    return None


def memory_left_bytes(tree: Tree) -> int | None:
    """What the tightest group above this process still gives: its limit less what is used, page cache not counted as used.

    None where no limit is set.
    """
    found = []
    for folder in _folders(tree, "memory"):
        for limit_name, used_name in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit = _integer(tree.text(f"{folder}/{limit_name}").value or "")
            if limit is None or not 0 < limit < _UNLIMITED_V1:
                continue
            used = _integer(tree.text(f"{folder}/{used_name}").value or "") or 0
            found.append(max(limit - max(used - _reclaimable(tree, folder), 0), 0))
    return min(found, default=None)


def _reclaimable(tree: Tree, folder: str) -> int:
    """Page cache that the group is charged for: given back as it is needed."""
    pairs = (line.partition(" ") for line in (tree.text(f"{folder}/memory.stat").value or "").splitlines())
    names = ("inactive_file", "active_file", "total_inactive_file", "total_active_file")
    found = {name: _integer(value) or 0 for name, _, value in pairs if name in names}
    # Version 1 counts the groups below in `total_…` only.
    return max(
        sum(found.get(f"{prefix}{name}", 0) for name in ("inactive_file", "active_file")) for prefix in ("", "total_")
    )


def _tightest(found: list[int | None], what: str) -> Fact[int]:
    limits = [limit for limit in found if limit is not None]
    if limits:
        return known(min(limits))
    return unknown(NO_LIMIT if found else f"{what} is not shown: no control group file can be read")


def cpuset(tree: Tree) -> Fact[str]:
    """The list of CPUs that the process's own group may use."""
    lists = texts(tree, "cpuset", "cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus")
    filled = [text.strip() for text in lists if text.strip()]
    return known(filled[0]) if filled else unknown("no control group file lists CPUs")
