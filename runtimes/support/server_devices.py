"""What a server's process on this machine has open to compute with: drivers, device files, software devices. Linux; only looks.

A library that is loaded proves nothing: a Vulkan loader opens every driver to ask for its devices. A device that was opened does:
Mesa's llvmpipe starts its threads then. How many layers lie there a process does not show.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.device_kinds import software_name

# Of the last part of a mapped file's path.
_LIBRARIES = {
    "CUDA": re.compile(r"libcuda\.so"),
    "HIP": re.compile(r"libamdhip64\.so"),
    "Level Zero": re.compile(r"libze_loader\.so"),
    "OpenCL": re.compile(r"libOpenCL\.so"),
    "Vulkan": re.compile(r"libvulkan\.so"),
}
_NODES = {
    "NVIDIA": re.compile(r"/dev/nvidia\d+"),
    "AMD": re.compile(r"/dev/kfd"),
    "DRM": re.compile(r"/dev/dri/renderD\d+"),
    "WSL": re.compile(r"/dev/dxg"),
}
# As a thread of a driver is called, and a file of one that starts none of its own name.
_THREAD = re.compile(r"(llvmpipe|softpipe)-\d+")
_SOFTWARE_FILE = re.compile(r"libvk_swiftshader\.so|libpocl(?:-[\w.]+)?\.so|libpocl-devices-\w+\.so")
# llama-server's and llama-cpp-python's words for layers on a device.
_LAYERS = re.compile(r"(?:-ngl|--gpu-layers|--n-gpu-layers|--n_gpu_layers)")
_NO_DEVICE = re.compile(r"(?:-dev|--device)")


@dataclass(frozen=True, slots=True)
class ServerDevices:
    """`drivers`: interfaces to devices that the process has loaded; `nodes`: whose device files it has open; `software`: a
    software device that it has open; `maybe`: whether it may or may not compute there.
    """

    drivers: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    software: str = ""
    maybe: bool = False

    @property
    def text(self) -> str:
        """As a record says it: `Vulkan; llvmpipe is open`; empty where nothing was seen."""
        said = ", ".join(self.drivers)
        open_ = [*(f"{vendor}'s device file" for vendor in self.nodes), *([self.software] if self.software else [])]
        return "; ".join(filter(None, (said, f"{' and '.join(open_)} open" if open_ else "")))


def seen(pids: Iterable[int], proc: Path = Path("/proc")) -> ServerDevices:
    """Of these processes together; one that can't be looked into shows nothing."""
    drivers: set[str] = set()
    nodes: set[str] = set()
    software: set[str] = set()
    unsure = False
    for pid in pids:
        folder = proc / str(pid)
        files = _mapped(folder)
        drivers |= {name for name, pattern in _LIBRARIES.items() if any(pattern.match(Path(one).name) for one in files)}
        nodes |= {name for name, pattern in _NODES.items() if any(pattern.fullmatch(one) for one in _open(folder))}
        threads = {found[1] for name in _threads(folder) if (found := _THREAD.fullmatch(name))}
        quiet = {software_name(Path(one).name.replace("libpocl", "pocl")) or "PoCL" for one in files
                 if _SOFTWARE_FILE.match(Path(one).name)}  # fmt: skip
        software |= threads | quiet
        # Its threads may wait for prompts alone; and a file of the others is loaded by who only asks.
        unsure |= bool(quiet) or (bool(threads) and _gives_no_layer(_arguments(folder)))
    return ServerDevices(tuple(sorted(drivers)), tuple(sorted(nodes)), ", ".join(sorted(software)), unsure)


def _mapped(folder: Path) -> set[str]:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return {
            parts[5] for line in (folder / "maps").read_text().splitlines() if len(parts := line.split(maxsplit=5)) > 5
        }
    return set()


def _open(folder: Path) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for link in (folder / "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(link.readlink()))
    return found


def _threads(folder: Path) -> list[str]:
    found = []
    with contextlib.suppress(OSError):
        for task in (folder / "task").iterdir():
            with contextlib.suppress(OSError):
                found.append((task / "comm").read_text().strip())
    return found


def _arguments(folder: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return (folder / "cmdline").read_text(errors="replace").split("\0")
    return []


def _gives_no_layer(arguments: list[str]) -> bool:
    pairs = [(name, value) for name, value in zip(arguments, [*arguments[1:], ""], strict=True)]
    pairs += [(name, value) for one in arguments for name, equals, value in [one.partition("=")] if equals]
    return any(
        (_LAYERS.fullmatch(name) and value.strip() == "0") or (_NO_DEVICE.fullmatch(name) and value.strip() == "none")
        for name, value in pairs
    )
