"""May this machine measure now? Pure, but for `look` and `now`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.agent import hours
from harness.agent.jobs import Device
from harness.agent.policy import Policy
from harness.capture import doctor
from harness.capture.doctor import Observed
from harness.capture.host import battery
from harness.capture.snapshot import Environment
from harness.capture.source import this_machine
from harness.fleet import node_rules

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Moment:
    """What ends a run between two of its processes. `battery` None: unknown."""

    hour: int
    minute: int
    battery: bool | None
    stop: bool  # the stop file is there


def now(policy: Policy) -> Moment:
    """The moment, by the machine's own clock."""
    local = time.localtime()
    return Moment(local.tm_hour, local.tm_min, battery(this_machine()).value, os.path.lexists(policy.stop))


def halted(policy: Policy, moment: Moment) -> str:
    """Why nothing may be measured at this moment; "" where it may."""
    if moment.stop:
        return f"the stop file is there ({policy.stop})"
    if span := hours.quiet(policy.quiet_hours, moment.hour, moment.minute):
        return f"quiet hours ({span})"
    if moment.battery and not policy.on_battery:
        return "the machine runs on its battery"
    return ""


def look(cache: Path) -> Observed:
    """Half a second of the machine."""
    return doctor.gather(cache, node_rules.WATCH_S)


def unfit(policy: Policy, seen: Observed) -> str:
    """Why the machine should not measure, as it is; "" where it may."""
    others = seen.quiet.others_ppm / 1e4
    if others > policy.most_other_load_percent and "other load" not in policy.tolerate:
        return f"other programs use {others:.0f} % of the cores"
    return spoilt(policy, seen)


def spoilt(policy: Policy, seen: Observed) -> str:
    """The grave checks of `repro doctor`; "" where none failed."""
    return node_rules.grave(node_rules.wrong(doctor.examine(seen)), policy.tolerate)


def devices(environment: Environment) -> tuple[Device, ...]:
    """What computes here, by name: the cards. Where there is none, the processor, and Intel's GPU within it."""
    gpus = environment.gpu
    found = [
        Device(one.name.value, one.memory_bytes.value)
        for one in gpus.nvidia.value or ()
        if one.name.value and one.visible.value is not False
    ]
    found += [Device(name) for name in gpus.amd.value or ()]
    found += [Device(gpus.apple.value)] if gpus.apple.value else []
    own = [one for one in gpus.intel.value or () if one.name.value]
    found += [Device(str(one.name.value), one.memory_bytes.value) for one in own if not one.integrated.value]
    if found:
        return tuple(found)
    processor = environment.cpu.model.value
    return (*((Device(processor),) if processor else ()), *(Device(str(one.name.value)) for one in own))


@contextmanager
def shown(here: Sequence[Device], count: int) -> Iterator[None]:
    """Engines that are started meanwhile see so many of this machine's GPUs, where it has more of the same kind."""
    alike = len({one.name for one in here}) == 1
    added = node_rules.bound(count, os.environ) if alike and len(here) > count else {}
    earlier = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in earlier.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def used_bytes(folders: Sequence[Path]) -> int:
    """What lies in the folders. A file that goes meanwhile counts nothing."""
    total = 0
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                try:
                    total += os.lstat(os.path.join(place, name)).st_blocks * 512  # noqa: PTH118
                except OSError:
                    continue
    return total


def full(policy: Policy, used: int, more: int = 0) -> str:
    """Why there is no room for so many bytes more; "" where there is."""
    if used + more > policy.most_disk_gib * GIB:
        return f"models, engines and records would take {(used + more) / GIB:.1f} GiB, the policy allows {policy.most_disk_gib}"
    return ""
