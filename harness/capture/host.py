"""The system around the measurement: names of software, never names of this host or its people."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from typing import Any

import psutil

from harness.capture.facts import Fact, known, maybe, unknown
from harness.capture.source import Source, Tree

# What older kernels show of other things' batteries without a scope, by the names that their drivers give.
_OTHERS_BATTERY = re.compile(
    r"(hid|wacom|sony|ps-controller|nintendo|xpad|gip|steam|apple_mfi|magicmouse|logitech|stylus)",
    re.IGNORECASE,
)

# Makers whose product names say "virtual machine"; a product's own name could single a machine out and stays out.
# Source: systemd's src/basic/virt.c.
_VIRTUAL = {"QEMU": "kvm", "KVM": "kvm", "OpenStack": "kvm", "VMware": "vmware", "VirtualBox": "virtualbox",
            "innotek GmbH": "virtualbox", "Xen": "xen", "BHYVE": "bhyve", "Bochs": "bochs", "Parallels": "parallels",
            "Apple Virtualization": "apple"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Host:
    """Operating system and surroundings."""

    os: Fact[str]
    os_family: Fact[str]
    kernel: Fact[str]
    libc: Fact[str]
    python: Fact[str]
    container: Fact[bool]
    virtualisation: Fact[str]
    on_battery: Fact[bool]
    clock_source: Fact[str]


def os_release(text: str) -> str | None:
    """`Debian GNU/Linux 12` from /etc/os-release."""
    pairs = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    name = pairs.get("NAME", "").strip().strip('"')
    version = pairs.get("VERSION_ID", "").strip().strip('"')
    return f"{name} {version}".strip() or None


def read_host(source: Source) -> Host:
    """The system of this machine."""
    tree = source.tree
    libc = " ".join(part for part in platform.libc_ver() if part)
    if source.linux:
        name = tree.text("etc/os-release").then(os_release, "/etc/os-release names no system")
    elif source.system == "Darwin":
        name = source.setting("kern.osproductversion").then(lambda version: f"macOS {version}", "no version")
    else:
        name = unknown(f"not read on {source.system or 'this system'}")
    return Host(
        os=name,
        os_family=maybe({"Darwin": "macOS"}.get(source.system, source.system) or None, "the system has no name"),
        kernel=maybe(platform.release() or None, "the kernel tells no release"),
        libc=maybe(libc or None, "the interpreter names no C library"),
        python=known(f"{platform.python_implementation()} {platform.python_version()}"),
        container=known(_in_container(source)),
        virtualisation=_virtualisation(source),
        on_battery=battery(source),
        clock_source=tree.line("sys/devices/system/clocksource/clocksource0/current_clocksource"),
    )


def battery(source: Source) -> Fact[bool]:
    """Whether the machine runs on its battery, on any system."""
    return on_battery(source.tree) if source.linux else _on_battery()


def _on_battery() -> Fact[bool]:
    found: Any = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if found is None:
        return unknown("no battery is shown")
    plugged = found.power_plugged  # None where the system can't tell
    return unknown("the system does not tell mains from battery") if plugged is None else known(not plugged)


def on_battery(tree: Tree) -> Fact[bool]:
    """Whether Linux runs this machine on its battery. Those of mice, telephones and the like (scope `Device`) feed nothing here.

    Source: Documentation/ABI/testing/sysfs-class-power.
    """
    mains, states = [], []
    for folder in tree.names("sys/class/power_supply/*"):

        def read(name: str, folder: str = folder) -> str:
            return tree.line(f"{folder}/{name}").value or ""

        if read("scope") == "Device" or _OTHERS_BATTERY.match(folder.rpartition("/")[2]) or read("present") == "0":
            continue
        if read("type") == "Battery":
            states.append(read("status"))
        elif read("online"):  # Mains, USB and its kinds, Wireless
            mains.append(read("online") != "0")
    if not states:
        return unknown("no battery is shown")
    if any(mains):
        return known(False)
    if "Discharging" in states:
        return known(True)
    if any(state in ("Charging", "Full", "Not charging") for state in states):
        return known(False)
    return known(True) if mains else unknown("the system does not tell mains from battery")


def _in_container(source: Source) -> bool:
    marks = ("/.dockerenv", "/run/.containerenv")
    if any(source.tree.exists(mark) for mark in marks):
        return True
    groups = source.tree.text("proc/1/cgroup").value or ""
    return any(word in groups for word in ("docker", "kubepods", "containerd", "lxc", "libpod"))


def _wsl(tree: Tree) -> str:
    """`wsl2` and `wsl1` by what Microsoft's kernels call themselves, else ""."""
    release = (tree.line("proc/sys/kernel/osrelease").value or "").lower()
    if "microsoft" not in release or "azure" in release:
        return ""
    return "wsl2" if "wsl2" in release or tree.exists("/dev/dxg") else "wsl1"


def _virtualisation(source: Source) -> Fact[str]:
    if source.system == "Darwin":
        return source.setting("kern.hv_vmm_present").then(lambda v: "apple" if v == "1" else "none", "not told")
    if wsl := _wsl(source.tree):
        return known(wsl)
    maker = source.tree.line("sys/class/dmi/id/sys_vendor", "the maker in DMI").value or ""
    for word, kind in _VIRTUAL.items():
        if word in maker:
            return known(kind)
    # These makers have machines as well: only the product tells, and only these names of it are looked for.
    product = source.tree.line("sys/class/dmi/id/product_name", "the product in DMI").value or ""
    if "Microsoft Corporation" in maker and product == "Virtual Machine":
        return known("hyper-v")
    if "Google" in maker and product == "Google Compute Engine":
        return known("kvm")
    if "Amazon EC2" in maker and not product.endswith(".metal"):
        return known("kvm")
    info = source.tree.text("proc/cpuinfo").value or ""
    if " hypervisor" in info:
        return known("a hypervisor that does not say which")
    if not info:
        return unknown("/proc/cpuinfo cannot be read")
    # Only x86 has a flag for it: elsewhere its absence says nothing.
    return known("none") if "flags" in info else unknown("this architecture has no flag for a hypervisor")
