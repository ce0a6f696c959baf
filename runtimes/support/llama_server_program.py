"""What a llama-server says of itself before it serves: version, the options that it knows, the devices that it lists."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.device_kinds import DeviceKind, software_name
from harness.errors import BadInput, RuntimeUnavailable, one_line
from runtimes.interface import Device, Scalar
from runtimes.support.ggml_devices import Listed

ANSWER_S = 30.0  # the first start of a build for a GPU reads its libraries, and may wake the device
ANSWER_LIMIT = 1 << 20
_VERSION = re.compile(r"^version: *(?P<version>\S+)(?: \((?P<rest>[^()\n]*)\))?", re.MULTILINE)
_BUILD = re.compile(r"\bbuild (\d+)")
_COMMIT = re.compile(r"\bcommit (\w+)|^([0-9a-f]{6,40})$")
_BUILT = re.compile(r"^built with (.+) for (.+)$", re.MULTILINE)
_DEVICE = re.compile(r"^ +(\w+): (.*) \((\d+) MiB, \d+ MiB free\)$", re.MULTILINE)
_LIBRARY = re.compile(r"error while loading shared libraries: ([^:\s]+)|Library not loaded: (\S+)")


@dataclass(frozen=True, slots=True)
class Program:
    """One llama-server. `environment` is what it is started with."""

    path: Path
    environment: Mapping[str, str]
    version: str  # "b10068", or "0.5.0" of a release that counts so; as it says
    commit: str
    build: Mapping[str, Scalar]
    help: str
    devices: tuple[Listed, ...]  # beside the processor

    def knows(self, option: str) -> bool:
        """Whether its help lists the option."""
        return re.search(rf"(?:^|[\s,]){re.escape(option)}(?=[\s,]|$)", self.help, re.MULTILINE) is not None


def look(path: Path) -> Program:
    """Ask it. Raises `BadInput` for what is no llama-server, `RuntimeUnavailable` where this machine can't run it."""
    if path.is_dir() or not path.exists():
        what = "it is a folder" if path.is_dir() else "there is no such program"
        raise BadInput(what, where=f"-o binary={path.name}", fix="name the program llama-server itself")
    environment = _environment(path)
    told = _asked(path, environment, "--version")
    version = _VERSION.search(told)
    if version is None:
        said = one_line(told.strip().splitlines()[0] if told.strip() else "nothing", 80)
        raise _no_server(path, f"--version says {said}")
    usage = _asked(path, environment, "--help")
    if "--port" not in usage:
        raise _no_server(path, "it is another program of llama.cpp: its help lists no --port")
    rest = version["rest"] or ""
    build, commit = _BUILD.search(rest), _COMMIT.search(rest)
    name = version["version"]
    built: dict[str, Scalar] = {"build_number": int(build[1])} if build else {}
    if name.isdecimal():  # before releases were counted, the version was the build's number
        built["build_number"], name = int(name), f"b{name}"
    with_what = _BUILT.search(told)
    if with_what:
        built |= {"compiler": one_line(with_what[1], 80), "target": one_line(with_what[2], 80)}
    return Program(
        path=path,
        environment=environment,
        version=name,
        commit=next(filter(None, commit.groups()), "unknown") if commit else "unknown",
        build=built,
        help=usage,
        devices=devices_of(_asked(path, environment, "--list-devices")) if "--list-devices" in usage else (),
    )


def devices_of(text: str) -> tuple[Listed, ...]:
    """From `--list-devices`. It tells no kind: what is neither software, a library nor another machine is taken for a GPU."""
    return tuple(
        Listed(Device(name, _kind(name, description), description, int(mib) << 20))
        for name, description, mib in _DEVICE.findall(text)
    )


def _kind(name: str, description: str) -> DeviceKind:
    if name.startswith("RPC"):
        return DeviceKind.SERVER
    if re.match(r"(?:BLAS|ACCEL|AMX|ZenDNN|KleidiAI)", name, re.IGNORECASE):
        return DeviceKind.ACCELERATOR
    return DeviceKind.SOFTWARE if software_name(name, description) else DeviceKind.GPU


def _environment(path: Path) -> dict[str, str]:
    """Ours, with the program's own folder among the libraries' where it holds llama.cpp's: packages are laid out so."""
    own = dict(os.environ)
    folder = path.resolve().parent
    if any(folder.glob("libllama*")) or any(folder.glob("libggml*")):
        name = "LD_LIBRARY_PATH"
        own[name] = os.pathsep.join(filter(None, (own.get(name), str(folder))))
    return own


def _asked(path: Path, environment: Mapping[str, str], question: str) -> str:
    """What it answers, both streams together."""
    try:
        done = subprocess.run(
            [str(path), question],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=ANSWER_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _no_server(path, f"it did not answer {question} within {ANSWER_S:g} s") from error
    except OSError as error:
        raise _no_server(path, f"it can't be started: {error.strerror or error}") from error
    told = done.stdout[:ANSWER_LIMIT].decode(errors="replace")
    library = _LIBRARY.search(told)
    if library:
        raise RuntimeUnavailable(
            f"it needs {Path(library[1] or library[2]).name}, which is not found",
            where=path.name,
            fix="install that library, or name its folder in LD_LIBRARY_PATH",
            code="library",
        )
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        hint = ": it was built for another processor" if name == "SIGILL" else ""
        raise RuntimeUnavailable(
            f"it was ended by {name} when asked {question}{hint}",
            where=path.name,
            fix="take a build for this machine",
            code="library",
        )
    return told


def _no_server(path: Path, why: str) -> BadInput:
    return BadInput(
        f"it must be a llama-server, and is not ({why})",
        where=f"-o binary={path.name}",
        fix="name a llama-server: -o binary=PATH",
    )
