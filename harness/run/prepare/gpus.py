"""Which GPUs this machine has, by what the kernel, the drivers and Vulkan list: never by which tools are installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from harness.capture.source import Source
from harness.capture.visible_devices import hides_all
from harness.device_kinds import software_name

# PCI vendors whose display devices compute. Emulated ones (virtio, QEMU, VMware, Cirrus) and those of a server's
# management board (ASPEED, Matrox) are no GPUs.
_PCI_VENDORS = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}
_DISPLAY_CLASSES = ("0x0300", "0x0302", "0x0380", "0x1200")  # VGA, 3D, other display, processing accelerator
# Kernel drivers of GPUs that are not on a PCI bus.
_DRIVERS = {
    "msm": "qualcomm",
    "panfrost": "arm",
    "panthor": "arm",
    "v3d": "broadcom",
    "asahi": "apple",
    "tegra": "nvidia",
}
_VULKAN_LIMIT_S = 20


@dataclass(frozen=True, slots=True)
class Gpus:
    """`vendors` of the GPUs that are here; `nvidia_driver`: NVIDIA's own driver answers; `kfd`: AMD's compute driver is
    there; `hidden`: the environment variable that keeps NVIDIA's or AMD's from the engines.
    """

    vendors: frozenset[str]
    nvidia_driver: bool = False
    kfd: bool = False
    hidden: str = ""


def read_gpus(source: Source, nvml_devices: int, environment: Mapping[str, str]) -> Gpus:
    """From the tree of `source`; `nvml_devices` is what NVIDIA's management library counts."""
    vendors = set()
    tree = source.tree
    if source.system == "Darwin":
        if source.machine == "arm64":
            vendors.add("apple")
        return Gpus(frozenset(vendors))
    shown = {f"{name.removesuffix('/class')}/vendor" for name in tree.names("sys/bus/pci/devices/*/class")
             if (tree.line(name).value or "").startswith(_DISPLAY_CLASSES)}  # fmt: skip
    for name in sorted(shown) + tree.names("sys/class/drm/card*/device/vendor"):
        vendor = _PCI_VENDORS.get((tree.line(name).value or "").lower())
        if vendor is not None:
            vendors.add(vendor)
    for name in tree.names("sys/class/drm/card*/device/uevent"):
        driver = re.search(r"^DRIVER=(\S+)", tree.text(name).value or "", re.MULTILINE)
        if driver and driver[1].partition("-")[0] in _DRIVERS:
            vendors.add(_DRIVERS[driver[1].partition("-")[0]])
    driver_here = tree.exists("proc/driver/nvidia/version") and tree.exists("dev/nvidiactl")
    nvidia_driver = bool(nvml_devices) or driver_here or tree.exists("dev/nvhost-gpu")
    if nvidia_driver:
        vendors.add("nvidia")
    for name in tree.names("sys/class/kfd/kfd/topology/nodes/*/properties"):
        if re.search(r"^simd_count [1-9]", tree.text(name).value or "", re.MULTILINE):
            vendors.add("amd")  # a node without SIMDs is the processor
    return Gpus(frozenset(vendors), nvidia_driver, tree.exists("dev/kfd"), _hidden(environment, vendors, nvml_devices))


def _hidden(environment: Mapping[str, str], vendors: Collection[str], nvml_devices: int) -> str:
    """The variable that leaves an engine none of NVIDIA's, or none of AMD's, devices: HIP heeds CUDA's, never the reverse."""
    nvidia = {"CUDA_VISIBLE_DEVICES": nvml_devices or None}
    amd = dict.fromkeys(("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"))
    heeded = (nvidia if "nvidia" in vendors else {}) | (amd if "amd" in vendors and "nvidia" not in vendors else {})
    return next(
        (name for name, count in heeded.items() if name in environment and hides_all(environment[name], count)), ""
    )


def vulkan_lists_a_gpu(summary: str) -> bool:
    """Whether `vulkaninfo --summary` names a device that is no software renderer."""
    kinds = re.findall(r"deviceType\s*=\s*(?:PHYSICAL_DEVICE_TYPE_)?(\w+)", summary)
    names = re.findall(r"deviceName\s*=\s*(.*)", summary)
    return any(
        kind in ("DISCRETE_GPU", "INTEGRATED_GPU", "VIRTUAL_GPU") and not software_name(name)
        for kind, name in zip(kinds, names, strict=False)
    )


def ask_vulkan() -> bool | None:
    """Ask the loader for its devices; None where there is no `vulkaninfo`, False where it fails."""
    program = shutil.which("vulkaninfo")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "--summary"], capture_output=True, text=True, errors="replace", timeout=_VULKAN_LIMIT_S,
            check=False, stdin=subprocess.DEVNULL, env={**os.environ, "DISPLAY": ""},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return False
    return vulkan_lists_a_gpu(done.stdout)


def count_nvidia() -> int:
    """Devices that NVIDIA's management library counts; 0 where it can't be asked."""
    try:
        import pynvml
    except ImportError:
        return 0
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return 0
    try:
        return int(pynvml.nvmlDeviceGetCount())
    except pynvml.NVMLError:
        return 0
    finally:
        pynvml.nvmlShutdown()
