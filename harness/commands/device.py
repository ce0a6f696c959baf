"""`repro device`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from harness.terminal.finite_range import FiniteRange

if TYPE_CHECKING:
    from harness.catalog.devices import Device
    from harness.catalog.platforms import Platform

_PROCESSOR = "processor"
_KINDS = (
    "desktop",
    "laptop",
    "workstation",
    "server",
    "module",
    "integrated",
    _PROCESSOR,
)  # devices.FORMS, importing nothing


@click.group()
def device() -> None:
    """The device table holds what public documents say of GPUs and of processors' memory: never a measurement."""


@device.command("list")
@click.option("--vendor", help="Only this vendor's parts, such as AMD.")
@click.option("--kind", type=click.Choice(_KINDS), help="Only parts of this kind.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(vendor: str | None, kind: str | None, as_json: bool) -> None:
    """List the parts with their memory and bandwidth."""
    from harness.catalog import devices
    from harness.errors import BadInput
    from harness.terminal.console import err, out, print_json

    if kind == _PROCESSOR:
        if vendor is not None:
            raise BadInput("processors are listed by platform, not by vendor", where="--vendor", fix="leave it out")
        _list_platforms(as_json)
        return
    vendors = {found.vendor.casefold(): found.vendor for found in devices.table()}
    if vendor is not None and vendor.casefold() not in vendors:
        names = ", ".join(vendors.values())
        raise BadInput("the table has no part of this vendor", where=f"--vendor {vendor}", fix=f"use one of {names}")
    chosen = [
        found
        for found in devices.table()
        if (vendor is None or found.vendor == vendors[vendor.casefold()]) and kind in (None, found.form)
    ]
    if as_json:
        print_json([_as_json(found) for found in chosen])
        return
    if not chosen:
        err().print(f"no part of {vendor} is of the kind {kind}", markup=False)
    wide = max((len(found.sku) for found in chosen), default=0)
    for found in chosen:
        line = f"{found.vendor:8} {found.sku:{wide}}  {found.form:11} {_memory(found):>8}  {_bandwidth(found):>15}"
        out().print(f"{line}  {found.generation}", markup=False, soft_wrap=True)


@device.command()
@click.argument("name")
@click.option(
    "--memory",
    "memory_gib",
    type=FiniteRange(min=0.1),
    help="GiB: as the driver reports it, of a Mac the machine's.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of every part that NAME may mean.")
def show(name: str, memory_gib: float | None, as_json: bool) -> None:
    """Show what the table says of a part.

    NAME is what CUDA, ROCm, Vulkan, Metal, SYCL, OpenCL or llama-bench prints, the part's own name, or a processor's. Where
    several parts share a name, all are shown; --memory chooses.
    """
    from harness.catalog import devices, platforms
    from harness.terminal.console import err, out, print_json

    found = devices.of_machine(name, None if memory_gib is None else round(memory_gib * devices.GIB))
    platform = platforms.find(name) if not found and memory_gib is None else None
    if platform is not None:
        if as_json:
            print_json([_platform_as_json(platform)])
            return
        for title, value in _platform_facts(platform):
            out().print(f"{title:12} {value}", markup=False, soft_wrap=True)
        return
    if not found:
        raise _unknown(name, memory_gib)
    if as_json:
        print_json([_as_json(part) for part in found])
        return
    if len(found) > 1:
        apart = len({part.memory_gib for part in found}) > 1
        whose = "the machine's" if any(part.machines_gib for part in found) else "a driver's"
        hint = (
            f"{whose} memory size tells them apart (--memory)"
            if apart
            else "it is known which bandwidth, not which part"
        )
        err().print(f"{len(found)} parts share this name; {hint}", markup=False)
    for place, part in enumerate(found):
        if place:
            out().print("")
        for title, value in _facts(part):
            out().print(f"{title:12} {value}", markup=False, soft_wrap=True)


def _unknown(name: str, memory_gib: float | None) -> Exception:
    from harness.catalog import devices
    from harness.errors import BadInput

    others = devices.of_machine(name) if memory_gib is not None else ()
    near = [found.sku for found in others] or devices.nearest(name)
    what = f"no part of this name has {memory_gib:g} GiB" if others else "the table has no part of this name"
    fix = f"the nearest are: {', '.join(near)}" if near else "list the parts: repro device list"
    return BadInput(what, where=name.strip() or "NAME", fix=fix)


def _facts(part: Device) -> list[tuple[str, str]]:
    peaks = ", ".join(f"{dtype} {peak / 1e12:g}" for dtype, peak in part.peak_flops.items())
    return [
        ("name", part.sku),
        ("vendor", part.vendor),
        ("printed as", ", ".join(part.aliases)),
        ("kind", part.form),
        ("class", part.sku),
        ("generation", part.generation),
        ("memory", _memory(part) + (" at most, shared with the processor" if part.form == "integrated" else "")),
        (
            "bandwidth",
            _bandwidth(part) + (", with the fastest memory that the vendor names" if part.machines_memory else ""),
        ),
        ("peaks", f"{peaks} (10^12 operations a second, dense)" if peaks else "unknown"),
        ("source", part.source),
    ]


def _list_platforms(as_json: bool) -> None:
    from harness.catalog import platforms
    from harness.terminal.console import out, print_json

    if as_json:
        print_json([_platform_as_json(one) for one in platforms.table()])
        return
    wide = max(len(one.name) for one in platforms.table())
    for one in platforms.table():
        line = f"{one.name:{wide}}  {_channels(one):24} {_rate(one.bandwidth_bytes_per_s()):>11}  {one.generation}"
        out().print(line, markup=False, soft_wrap=True)


def _platform_facts(one: Platform) -> list[tuple[str, str]]:
    told, rated = _told(one), one.bandwidth_bytes_per_s()
    facts = [
        ("platform", one.name),
        ("processors", ", ".join(one.patterns) + " (? is a digit)"),
        ("kind", _PROCESSOR),
        ("generation", one.generation),
        ("memory", _channels(one)),
        ("bandwidth", _rate(rated) + (" of a socket, with the fastest memory that the vendor names" if rated else "")),
        ("source", one.source),
    ]
    return [*facts, ("this machine", _rate(told) + " by its memory modules")] if told is not None else facts


def _told(one: Platform) -> int | None:
    """What this machine's modules allow, where it is of this platform and says so."""
    from pathlib import Path

    from harness.capture import memory_modules
    from harness.catalog import platforms

    try:
        lines = [line.partition(":") for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()]
    except OSError:
        return None
    own = next((value for key, _, value in lines if key.strip() == "model name"), "")
    sockets = len({value.strip() for key, _, value in lines if key.strip() == "physical id"}) or 1
    if platforms.find(own) != one or one.channels is None:
        return None
    return memory_modules.bandwidth_bytes_per_s(memory_modules.read(), one.channels * one.bits * sockets)


def _channels(one: Platform) -> str:
    if one.channels is None:
        return f"{one.memory}, unknown"
    return f"{one.channels} × {one.bits} bits {one.memory}-{one.rate_mt_s}"


def _rate(bytes_per_s: int | None) -> str:
    return "unknown" if bytes_per_s is None else f"{bytes_per_s / 1e9:g} GB/s"


def _platform_as_json(one: Platform) -> dict[str, Any]:
    return {
        "platform": one.name,
        "processors": list(one.patterns),
        "kind": _PROCESSOR,
        "generation": one.generation,
        "memory": one.memory,
        "channels": one.channels,
        "channel_bits": one.bits,
        "rate_mt_s": one.rate_mt_s,
        "bandwidth_bytes_per_s": one.bandwidth_bytes_per_s(),
        "this_machine_bytes_per_s": _told(one),
        "source": one.source,
    }


def _memory(part: Device) -> str:
    return "unknown" if part.memory_gib is None else f"{part.memory_gib} GiB"


def _bandwidth(part: Device) -> str:
    slower = "" if part.slower_bytes_per_s is None else f"{part.slower_bytes_per_s / 1e9:.10g} or "
    return slower + _rate(part.bandwidth_bytes_per_s)


def _as_json(part: Device) -> dict[str, Any]:
    return {
        "sku": part.sku,
        "aliases": list(part.aliases),
        "vendor": part.vendor,
        "generation": part.generation,
        "kind": part.form,
        "memory_gib": part.memory_gib,
        "bandwidth_bytes_per_s": part.bandwidth_bytes_per_s,
        "slower_bytes_per_s": part.slower_bytes_per_s,
        "bound_bytes_per_s": part.bound_bytes_per_s,
        "peak_operations_per_s": dict(part.peak_flops),
        "source": part.source,
    }
