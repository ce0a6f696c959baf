"""Finds an adapter by name: ours, and any installed under the entry point `repro.runtimes`. Imports no engine."""

from __future__ import annotations

import difflib
import re
import sys
import unicodedata
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, entry_points

from harness.errors import BadInput, ReproError, RuntimeUnavailable
from runtimes.interface import Capabilities, Runtime
from runtimes.recipes import RECIPES
from runtimes.support import shape

ENTRY_POINT = "repro.runtimes"

# Ours stand here as well as in the distribution's entry points: a worker runs from a bundle without metadata.
BUILT_IN = {
    "llama-server": "runtimes.llama_server:LlamaServer",
    "llama.cpp": "runtimes.llama_cpp:LlamaCpp",
    "mistralrs": "runtimes.mistralrs:MistralRS",
    "mlx": "runtimes.mlx:MLX",
    "ollama": "runtimes.ollama:OllamaRuntime",
    "openai-http": "runtimes.openai_http:OpenAIHTTP",
    "openvino": "runtimes.openvino:OpenVINO",
    "pytorch": "runtimes.pytorch:PyTorch",
    "simulated": "runtimes.simulated:Simulated",
    "vllm": "runtimes.vllm:VLLM",
    "vllm-server": "runtimes.vllm_server:VLLMServer",
}


def names() -> list[str]:
    """Every runtime that can be named, sorted. Loads none: a broken adapter is in nobody's way."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINT))})


def package(name: str) -> str:
    """The distribution that ships the adapter, with its version; "" for ours."""
    points = () if name in BUILT_IN else entry_points(group=ENTRY_POINT, name=name)
    return ", ".join(sorted({_package(point) for point in points}))


def shadowed() -> dict[str, str]:
    """Names of ours that another package offers, too, and which package: it is never taken."""
    found = {}
    for name in sorted(BUILT_IN):
        points = [point for point in entry_points(group=ENTRY_POINT, name=name) if point.value != BUILT_IN[name]]
        if points:
            found[name] = ", ".join(sorted({_package(point) for point in points}))
    return found


def reserved(name: str) -> str:
    """The name of ours that `name` is, or could be taken for by a reader; "" where it is neither."""
    return _FOLDED.get(_folded(name), "")


def claims_ours(name: str, engine: str) -> str:
    """What is wrong with the engine's name in an adapter's facts; "" where nothing is. Rows of the registry are kept by it."""
    if name in BUILT_IN or not reserved(engine):
        return ""
    return f"facts.engine must not be {engine!r}, the name of what comes with repro: its records would join that row"


def find(name: str) -> Runtime:
    """The adapter called `name`. Raises `BadInput` with the nearest names, `RuntimeUnavailable` for one that is broken."""
    if name in BUILT_IN:
        return _made(name, EntryPoint(name, BUILT_IN[name], ENTRY_POINT))
    points = tuple(entry_points(group=ENTRY_POINT, name=name))
    if not points:
        near = difflib.get_close_matches(name, names(), n=3, cutoff=0.6)
        fix = f"did you mean {' or '.join(near)}?" if near else f"ours are {', '.join(BUILT_IN)}."
        raise BadInput(
            f"no runtime is called {name!r} in {sys.prefix}",
            where="--runtime",
            fix=f"{fix} The package of another adapter must be installed there (docs/runtimes.md)",
        )
    if reserved(name):
        raise BadInput(
            f"{name!r} could be taken for {reserved(name)!r}, which is ours",
            where=f"{name} = {points[0].value}, of {package(name)}",
            fix="give the adapter and its entry point another name",
        )
    if len({point.value for point in points}) > 1:
        raise BadInput(
            f"several packages offer {name!r}: {package(name)}", where="--runtime", fix="uninstall all of them but one"
        )
    return _made(name, points[0])


def module_of(name: str) -> str:
    """The module that holds the adapter called `name`, as its entry point says; to be asked after `find`."""
    return next(iter(entry_points(group=ENTRY_POINT, name=name))).value.partition(":")[0]


def distribution_of(name: str) -> Distribution:
    """The installed package that ships the adapter called `name`, another's. Raises `BadInput` where none does."""
    for point in entry_points(group=ENTRY_POINT, name=name):
        if point.dist is not None:
            return point.dist
    raise BadInput("no installed package ships it", where=name, fix="install the adapter's package with pip")


def _folded(name: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())


_FOLDED = {_folded(name): name for name in BUILT_IN}


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "a package without a name"


def _made(name: str, point: EntryPoint) -> Runtime:
    """The adapter of an entry point; whatever it does wrong ends in one line."""
    where = f"{name} = {point.value}, of {package(name) or 'repro-harness'}"
    module, _, attribute = point.value.partition(":")
    try:
        found = import_module(module)
    except ReproError:
        raise
    except (Exception, SystemExit) as error:
        raise _import_failed(module, error, where) from error
    if not hasattr(found, attribute or " "):
        near = difflib.get_close_matches(attribute, vars(found), n=1)
        raise RuntimeUnavailable(
            f"{module} holds no {attribute or 'class: the entry point must be MODULE:CLASS'}",
            where=where,
            fix=f"did you mean {near[0]}?" if near else "mend the entry point in the package's pyproject.toml",
        )
    try:
        adapter: Runtime = getattr(found, attribute)()
    except ReproError:
        raise
    except (Exception, SystemExit) as error:
        text = f"{attribute}() raises {type(error).__name__}: {error}"
        raise RuntimeUnavailable(text, where=where, fix="it must be a class that takes no arguments") from error
    fault = shape.adapter_fault(adapter, name) or _completed(adapter, name)
    if fault:
        raise RuntimeUnavailable(fault, where=where, fix="see runtimes/interface.py for what an adapter has")
    return adapter


def _completed(adapter: Runtime, name: str) -> str:
    """Gives it what it may leave out, so that nobody else asks whether it is there. What can't be given is told."""
    own = RECIPES.get(name) if name in BUILT_IN else None
    left_out = {"capabilities": Capabilities(), "recipe": own, "failure_signs": ()}
    try:
        for part, usual in left_out.items():
            if not hasattr(adapter, part):
                setattr(adapter, part, usual)
    except AttributeError:
        return "its class must declare capabilities and recipe: it lets nothing be added"
    return ""


def _import_failed(module: str, error: BaseException, where: str) -> RuntimeUnavailable:
    missing = error.name if isinstance(error, ModuleNotFoundError) and error.name else ""
    if missing and f"{module}.".startswith(f"{missing}."):
        fix = "mend the entry point in the package's pyproject.toml, or install the package again"
        return RuntimeUnavailable(f"there is no module {missing}", where=where, fix=fix)
    fix = "mend the adapter, or uninstall its package"
    if isinstance(error, ImportError):
        wanted = missing or "what it needs"
        fix = f"install {wanted} in {sys.prefix}, or import it in load(): an adapter imports without its engine"
    return RuntimeUnavailable(f"can't be imported ({type(error).__name__}: {error})", where=where, fix=fix)
