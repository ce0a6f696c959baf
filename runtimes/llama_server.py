"""llama-server, started by us with the settings of the run, measured through its API as openai-http does, and stopped.

The stamps are the client's. What it computed with and where is read from what it says of itself: `--version`,
`--list-devices`, and its log while it loads.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.device_kinds import OFFLOADED, DeviceKind
from harness.errors import BadInput, ReproError, RuntimeUnavailable, one_line
from runtimes.interface import NO_MODEL, Capabilities, Device, ModelFiles, Option, RuntimeFacts, Scalar, with_defaults
from runtimes.llama_cpp import LlamaCpp
from runtimes.support import device_choice, failure_signs, llama_server_draft, llama_server_log
from runtimes.support.device_choice import Chosen, chosen
from runtimes.support.llama_cpp_placement import computed_on, placement_of, settings_of, used
from runtimes.support.llama_server_program import Program, look
from runtimes.support.managed_runtime import ManagedRuntime
from runtimes.support.managed_server import HOST, ManagedServer

_ALL_LAYERS = 999
_UNKNOWN_OPTION = re.compile(
    r"error: (?:invalid|unknown) argument:? *(\S*)|error while handling argument \"(\S+)\": ?(.*)"
)
# What the runtime llama.cpp does itself: the server is not told of it, so it is not offered.
_IN_PROCESS = ("sequences", "prefix_cache", "draft")
# A cache of prompts, in memory or as checkpoints, would answer a repeated prompt; a page for browsers is not measured.
_OFF = (
    ("--no-warmup",), ("--fit", "off"), ("--offline",), ("--cache-ram", "0"), ("--ctx-checkpoints", "0"), ("--no-webui",),
    ("--log-colors", "off"),
)  # fmt: skip


class LlamaServer:
    """The adapter. Its options are those of the runtime llama.cpp that a server is told of, with the same defaults."""

    name = "llama-server"
    formats = ("gguf",)
    capabilities = Capabilities(tokenises=False, forces=False, scores=False, makes_one=True, serves=True)
    failure_signs = failure_signs.LLAMA_CPP
    options: Mapping[str, Option] = {
        **{name: one for name, one in LlamaCpp.options.items() if name not in _IN_PROCESS},
        "draft_model": Option(
            "a smaller model of the same vocabulary that drafts tokens ahead (speculative decoding), or none",
            default=NO_MODEL,
            model=True,
        ),
        "slots": Option("requests that it takes at once; each has the whole context", int, 1, minimum=1, maximum=256),
        "binary": Option(
            "a llama-server of your own, as a path or a name on PATH; default: built beside the runtime llama.cpp",
            program=True,
        ),
        "port": Option("the port of 127.0.0.1 to listen on; default: a free one", int, minimum=1, maximum=65535),
        "start_s": Option("seconds that it may take until it is ready", int, 600, minimum=1, maximum=1700),
    }

    def load(self, model: ModelFiles, options: Mapping[str, Any]) -> ManagedRuntime:
        """Start the server on the file, and wait until it is ready."""
        if not model.path.exists():
            raise BadInput("there is no such model", where=str(model.path), fix="check the path")
        options = with_defaults(self.options, options)
        program = look(Path(options["binary"])) if options["binary"] else _own()
        choice = chosen(options, program.devices)
        server = ManagedServer(
            "llama-server",
            lambda port: command(program, model.path, options, choice, port),
            port=options["port"],
            wait_s=options["start_s"],
            environment=program.environment,
            refused=lambda log: _refusal(log, model.path.name),
            signs=failure_signs.LLAMA_CPP,
        )
        return ManagedRuntime(
            server, model, {"engine": "llama.cpp"}, lambda facts: _facts(facts, server.log(), program, options, choice)
        )


def _own() -> Program:
    """The one that was built in this environment."""
    path = Path(sys.prefix) / "bin" / "llama-server"
    if not path.exists():
        raise RuntimeUnavailable(
            "there is no llama-server in this environment",
            where="llama-server",
            fix="run: repro runtime install llama-server, or name one: -o binary=PATH",
        )
    return look(path)


def command(program: Program, model: Path, options: Mapping[str, Any], choice: Chosen, port: int) -> Sequence[str]:
    """The server's arguments. Raises `BadInput` for a setting that this build of it can't take."""
    slots = options["slots"]
    flags: list[Any] = [program.path, "--model", model, "--host", HOST, "--port", port]
    flags += ["--ctx-size", options["context"] * slots, "--parallel", slots]
    flags += ["--threads", options["threads"], "--threads-batch", options["threads_batch"] or options["threads"]]
    flags += ["--batch-size", options["batch"], "--ubatch-size", options["ubatch"]]
    flags += ["--cache-type-k", options["type_k"], "--cache-type-v", options["type_v"]]
    flags += _flash_attention(program, options["flash_attn"])
    flags += ["--swa-full"] if options["swa_full"] else []
    flags += [] if options["repack"] else ["--no-repack"]
    flags += [] if options["offload_kqv"] else ["--no-kv-offload"]
    flags += _load_mode(program, options["load_mode"])
    flags += _devices(options, choice)
    flags += llama_server_draft.flags(program, options, choice)
    for off in _OFF:
        flags += off if program.knows(off[0]) else []
    if program.knows("--verbosity") and "(default: 3)" in program.help:
        flags += ["--verbosity", "4"]  # the library's own account of where layers and caches lie; a few lines a request
    return [str(flag) for flag in flags]


def _flash_attention(program: Program, asked: str) -> list[str]:
    """Before b6325 it was a switch, and off was the default."""
    if re.search(r"--flash-attn \[?<?on", program.help):
        return ["--flash-attn", asked]
    return ["--flash-attn"] if asked == "on" else []


def _load_mode(program: Program, asked: str) -> list[str]:
    """One option, or the three switches of before."""
    if asked == "auto":
        return []
    if program.knows("--load-mode"):
        return ["--load-mode", asked]
    switches = {"none": ["--no-mmap"], "mmap": [], "mmap+mlock": ["--mlock"], "mlock": ["--no-mmap", "--mlock"]}
    if asked == "direct-io" and program.knows("--direct-io"):
        return ["--direct-io"]
    if asked not in switches:
        raise BadInput("this llama-server does not have it", where=f"-o load_mode={asked}", fix="take another mode")
    return switches[asked]


def _devices(options: Mapping[str, Any], choice: Chosen) -> list[Any]:
    """Which devices, and how layers are split over them; with the processor alone only what was asked for: it warns itself."""
    flags: list[Any] = []
    if choice.devices is not None:
        flags += ["--device", ",".join(one.name for one in choice.devices) or "none"]
    layers = options["gpu_layers"]
    if not choice.candidates:
        flags += ["--gpu-layers", _ALL_LAYERS if layers == -1 else layers] if layers is not None else []
        return flags + (["--split-mode", choice.split_mode] if options["split_mode"] else [])
    flags += ["--gpu-layers", _ALL_LAYERS if layers in (None, -1) else layers]
    flags += ["--split-mode", choice.split_mode, "--main-gpu", choice.main_gpu]
    return flags + (["--tensor-split", ",".join(f"{share:g}" for share in choice.shares)] if choice.shares else [])


def _refusal(log: str, model: str) -> ReproError | None:
    """What was asked for is at fault: an option, a pair of settings, a damaged file, a draft."""
    found = _UNKNOWN_OPTION.search(log)
    if found:
        what = one_line(" ".join(filter(None, found.groups())), 120)
        return BadInput(
            f"this llama-server takes no {what}",
            where="llama-server",
            fix="leave the setting out, or take a newer llama-server",
        )
    without = llama_server_draft.unloaded(log)
    if without is not None:
        return without
    lines = log.splitlines()
    for signs, where in ((failure_signs.LLAMA_CPP_DAMAGED, model), (failure_signs.LLAMA_CPP_SETTINGS, "llama-server")):
        line = next((line for line in lines for sign in signs if re.search(sign, line, re.IGNORECASE)), None)
        if line is not None:
            return BadInput(
                f"llama-server can't load it ({one_line(line.strip(), 200)})",
                where=where,
                fix="check the file, and the settings against each other",
            )
    return None


def _facts(told: RuntimeFacts, log: str, program: Program, options: Mapping[str, Any], choice: Chosen) -> RuntimeFacts:
    """As the server states it; what it does not is left as it was asked for only where that is an order, not a wish.

    Raises `BadInput` where it goes on without the draft model that it was given.
    """
    drafting = llama_server_draft.settings(told.settings, log, options)
    log = llama_server_draft.before(log)
    listed = [Device("CPU", DeviceKind.CPU, "the processor"), *(one.device for one in program.devices)]
    layers = options["gpu_layers"]
    if layers is None:
        layers = -1 if choice.candidates else 0
    placement = placement_of(log, listed)
    given = {one.name for one in choice.candidates}
    computing = used([one for one in listed if one.kind not in OFFLOADED or one.name in given], placement, layers)
    on = computed_on(computing, placement)
    apart = [device for device in computing if device.kind in OFFLOADED]
    if placement.computing is None and apart:  # it says nothing of where anything lies: processor or GPU, nobody knows
        computing, on, apart = told.devices, (), []
    resolved = llama_server_log.settings_of(log)
    settings: dict[str, Scalar] = {
        **{name: resolved.get(name) for name in ("threads", "threads_batch", "batch", "ubatch", "slots")},
        "context": told.context_tokens or None,
        "gpu_layers": layers,
        "flash_attn": resolved.get("flash_attn", options["flash_attn"]),
        "type_k": resolved.get("type_k", options["type_k"]),
        "type_v": resolved.get("type_v", options["type_v"]),
        **{name: options[name] for name in ("swa_full", "load_mode", "repack", "offload_kqv")},
        "prefix_cache": False,
        **drafting,
        **settings_of(computing, placement),
        **device_choice.settings_of(choice, len(apart), str(options["tensor_split"] or "")),
    }
    server = {
        name: value for name, value in told.settings.items() if name not in ("context", "hardware", "server_drivers")
    }
    return replace(
        told,
        engine="llama-server",
        version=program.version,
        package=_package(program),
        commit=program.commit,
        build={**program.build, **llama_server_log.build_of(log)},
        settings={**server, **settings},
        devices=computing,
        computed_on=on,
        device_places=tuple("" for _ in apart),
    )


def _package(program: Program) -> str:
    if program.path.parent == Path(sys.prefix) / "bin":
        with suppress(PackageNotFoundError):
            return f"llama-cpp-python {version('llama-cpp-python')}"
    return "given by the operator"
