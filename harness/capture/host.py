"""The system around the measurement: names of software, never names of this host or its people."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any

import psutil

from harness.capture.facts import Fact, known, maybe, unknown
from harness.capture.source import Source

# Makers whose product names say "virtual machine"; a product's own name could single a machine out and stays out.
_VIRTUAL = {"QEMU": "kvm", "KVM": "kvm", "VMware": "vmware", "VirtualBox": "virtualbox", "Xen": "xen",
            "Amazon EC2": "kvm", "Parallels": "parallels"}  # fmt: skip


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
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return Host(
        os=name,
        os_family=maybe({"Darwin": "macOS"}.get(source.system, source.system) or None, "the system has no name"),
        kernel=maybe(platform.release() or None, "the kernel tells no release"),
        libc=maybe(libc or None, "the interpreter names no C library"),
        python=known(f"{platform.python_implementation()} {platform.python_version()}"),
        container=known(_in_container(source)),
        virtualisation=_virtualisation(source),
        on_battery=_on_battery(battery),
        clock_source=tree.line("sys/devices/system/clocksource/clocksource0/current_clocksource"),
    )


def _on_battery(battery: Any) -> Fact[bool]:
    if battery is None:
        return unknown("no battery is shown")
    plugged = battery.power_plugged  # None where the system can't tell
    return unknown("the system does not tell mains from battery") if plugged is None else known(not plugged)


def _in_container(source: Source) -> bool:
    marks = ("/.dockerenv", "/run/.containerenv")
    if any(source.tree.exists(mark) for mark in marks):
        return True
    groups = source.tree.text("proc/1/cgroup").value or ""
    return any(word in groups for word in ("docker", "kubepods", "containerd", "lxc", "libpod"))


def _virtualisation(source: Source) -> Fact[str]:
    if source.system == "Darwin":
        return source.setting("kern.hv_vmm_present").then(lambda v: "apple" if v == "1" else "none", "not told")
    maker = source.tree.line("sys/class/dmi/id/sys_vendor", "the maker in DMI").value or ""
    for word, kind in _VIRTUAL.items():
        if word in maker:
            return known(kind)
    # These two makers sell machines as well: only the product tells, and only these two names of it are looked for.
    product = source.tree.line("sys/class/dmi/id/product_name", "the product in DMI").value or ""
    if "Microsoft Corporation" in maker and product == "Virtual Machine":
        return known("hyper-v")
    if "Google" in maker and product == "Google Compute Engine":
        return known("kvm")
    info = source.tree.text("proc/cpuinfo").value or ""
    if " hypervisor" in info:
        return known("a hypervisor that does not say which")
    if not info:
        return unknown("/proc/cpuinfo cannot be read")
    # Only x86 has a flag for it: elsewhere its absence says nothing.
    return known("none") if "flags" in info else unknown("this architecture has no flag for a hypervisor")
