"""Where facts come from: small kernel files below a root, `sysctl`, and what the interpreter knows of its process.

Everything else in this package takes a `Source`, so that tests read recorded trees. This module interprets nothing.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.capture.facts import Fact, known, unknown

# Read by name, never `sysctl -a`: that also prints the host's name and its hardware id.
SYSCTL_NAMES = (
    *("hw.memsize", "hw.physicalcpu", "hw.logicalcpu", "hw.perflevel0.physicalcpu", "hw.perflevel1.physicalcpu"),
    *("hw.l2cachesize", "hw.l3cachesize", "hw.perflevel0.l2cachesize", "hw.cpufrequency", "hw.cpufrequency_max"),
    *("machdep.cpu.brand_string", "machdep.cpu.vendor", "machdep.cpu.family", "machdep.cpu.model"),
    *("machdep.cpu.stepping", "machdep.cpu.features", "machdep.cpu.leaf7_features", "kern.hv_vmm_present"),
    *("hw.optional.neon", "hw.optional.arm.FEAT_DotProd", "hw.optional.arm.FEAT_I8MM", "hw.optional.arm.FEAT_SME"),
    *("hw.optional.arm.FEAT_BF16", "hw.optional.arm.FEAT_FP16", "kern.osproductversion", "vm.swapusage"),
    "iogpu.wired_limit_mb",
)


@dataclass(frozen=True, slots=True)
class Tree:
    """Text files below `root`, read whole. Reasons name the file as the kernel does, never the root."""

    root: Path = Path("/")

    def text(self, name: str, label: str = "") -> Fact[str]:
        """The text of the file `name`; `label` stands for it in the reason, where its path says too much."""
        shown = label or f"/{name.lstrip('/')}"
        try:
            raw = (self.root / name.lstrip("/")).read_bytes()
        except FileNotFoundError:
            return unknown(f"{shown} does not exist")
        except (OSError, ValueError) as error:
            number = error.errno if isinstance(error, OSError) else None
            return unknown(f"{shown} cannot be read: {os.strerror(number) if number else 'bad name'}")
        return known(raw.decode("utf-8", errors="replace"))

    def line(self, name: str, label: str = "") -> Fact[str]:
        """The file's text without the white space round it; unknown where nothing is left."""
        return self.text(name, label).then(lambda t: t.strip() or None, f"{label or name} is empty")

    def exists(self, name: str) -> bool:
        """Whether there is such a file or folder, as far as can be seen."""
        try:
            return (self.root / name.lstrip("/")).exists()
        except OSError:
            return False

    def names(self, pattern: str) -> list[str]:
        """The files that match `pattern`, from the root, sorted."""
        try:
            return sorted(str(p.relative_to(self.root)) for p in self.root.glob(pattern.lstrip("/")))
        except OSError:
            return []


@dataclass(frozen=True, slots=True)
class Source:
    """One machine to read: the running one, or a recorded one in a test."""

    system: str  # as platform.system() says: Linux, Darwin
    machine: str  # as platform.machine() says
    tree: Tree = Tree()
    sysctl: Mapping[str, str] = field(default_factory=dict)
    affinity: Fact[frozenset[int]] = field(default_factory=lambda: unknown("the affinity was not asked for"))

    @property
    def linux(self) -> bool:
        """Whether /proc and /sys mean something here."""
        return self.system == "Linux"

    def setting(self, name: str) -> Fact[str]:
        """The value of one sysctl name."""
        value = self.sysctl.get(name, "")
        return known(value) if value else unknown(f"sysctl has no {name}")


def parse_sysctl(text: str) -> dict[str, str]:
    """`name: value` lines, those of `SYSCTL_NAMES` only."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs if name.strip() in SYSCTL_NAMES}


def _run_sysctl() -> dict[str, str]:
    try:
        done = subprocess.run(
            ["/usr/sbin/sysctl", *SYSCTL_NAMES],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    return parse_sysctl(done.stdout)  # names that this version lacks go to stderr


def _affinity() -> Fact[frozenset[int]]:
    if not hasattr(os, "sched_getaffinity"):
        return unknown("this system has no affinity masks")
    return known(frozenset(os.sched_getaffinity(0)))


def this_machine() -> Source:
    """The machine that this process runs on."""
    system = platform.system()
    sysctl = _run_sysctl() if system == "Darwin" else {}
    return Source(system, platform.machine(), Tree(), sysctl, _affinity())
