"""The build that a request measures with: checked against the machine and the settings before anything long begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.errors import BadInput
from harness.run.prepare import backend, environments, failed_build
from harness.run.prepare.backend import GPU_BACKENDS, Choice
from harness.run.prepare.toolchains.cuda import series_of
from harness.run.request import Request
from runtimes.interface import Runtime, Scalar
from runtimes.recipes import Recipe
from runtimes.releases import Named


def choice_of(runtime: Named, asked: str, cache: Path) -> Choice:
    """As asked, or what suits the machine. Raises `BadInput` for a backend that the runtime does not have."""
    recipe = environments.recipe_of(runtime.name)
    if asked != "auto":
        environments.place(cache, runtime.name, asked)
        return Choice(asked)
    places = {
        name: environments.place(cache, runtime.name, name, runtime.release)
        for name in recipe.backends
        if recipe.lock_text(name) is not None and environments.has_lock(cache, runtime.name, name, runtime.release)
    }
    ready = {name for name, where in places.items() if where.installed() is not None}
    failed = {
        name: f"it failed on {known[1]} with: {known[0]}; to try again: repro runtime install {runtime} --backend {name} --again"
        for name, where in places.items()
        if name in GPU_BACKENDS and name not in ready and (known := failed_build.remembered(where.home)) is not None
    }
    box = backend.look(recipe.backends if recipe.built else {})
    series = _series(recipe)
    return backend.decide(box, recipe.backends, builds=bool(recipe.built), ready=ready, failed=failed, series=series)


def _series(recipe: Recipe) -> int:
    """The CUDA that the runtime's packages bring; 0 where what is compiled here decides it, or there is no build for CUDA."""
    return 0 if recipe.built or "cuda" not in recipe.backends else series_of(recipe.lock_text("cuda") or "")


def choose(request: Request, adapter: Runtime, given: Mapping[str, Scalar], cache: Path) -> Choice:
    """The build for a run. Raises `BadInput` where the request asks for a GPU that is not here, or contradicts itself."""
    if request.python is not None or adapter.capabilities.in_core or programs(given, adapter):
        return _without_build(request, adapter, given)
    runtime = request.named
    recipe = environments.recipe_of(runtime.name)
    if request.backend == "auto" and given.get("device") == "cpu" and recipe.lock_text("cpu") is not None:
        return Choice("cpu", "-o device=cpu asks for it")
    found = choice_of(runtime, request.backend, cache)
    if found.backend and recipe.backends[found.backend].by_option:
        return _by_option(found, given)
    if request.backend in GPU_BACKENDS:
        builds = bool(recipe.built) and not _is_built(runtime, found.backend, cache)
        box = backend.look(recipe.backends if builds else {})
        backend.refuse_without_device(box, found.backend, builds=builds, series=_series(recipe))
    asked = backend.wants_gpu("", given)
    if request.backend == "auto" and found.backend == "cpu" and asked:
        kind = "CUDA device" if asked.startswith("-o device") else "GPU that it could use"
        raise BadInput(
            f"there is no {kind}: auto takes the build for the CPU ({found.reason})",
            where=asked,
            fix=f"leave it out, or mend that and run: repro runtime install {request.runtime} --backend cuda",
        )
    backend.refuse_contradiction(found.backend, given)
    return found


def _by_option(found: Choice, given: Mapping[str, Scalar]) -> Choice:
    """The one build of a runtime whose option `device` says what computes: a GPU stays unused because none was named."""
    named = str(given.get("device") or "")
    if named:
        return Choice(found.backend, f"-o device={named} says what computes", by_option=True)
    reason = found.reason.replace("there is no build for it (for GPUs there are: none)", "-o device names none")
    return replace(found, reason=reason, by_option=True)


def _is_built(runtime: Named, backend: str, cache: Path) -> bool:
    if not environments.has_lock(cache, runtime.name, backend, runtime.release):
        return False
    return environments.place(cache, runtime.name, backend, runtime.release).installed() is not None


def programs(given: Mapping[str, Scalar], adapter: Runtime) -> list[str]:
    """The options given that name a program of the operator's: it is the engine then."""
    return [name for name in given if name in adapter.options and adapter.options[name].program]


def _without_build(request: Request, adapter: Runtime, given: Mapping[str, Scalar]) -> Choice:
    """The operator's own interpreter or program, or this program's interpreter: there is nothing to choose."""
    brings = ["--python"] if request.python is not None else [f"-o {name}" for name in programs(given, adapter)]
    name = request.named.name
    if request.named.release:
        what = f"{brings[0]} brings a release of its own" if brings else f"{name} has no environment"
        raise BadInput(
            f"{what}: none can be chosen", where=f"--runtime {request.runtime}", fix=f"take --runtime {name}"
        )
    if request.backend != "auto":
        what = f"{brings[0]} brings a build of its own" if brings else f"{name} has no builds"
        raise BadInput(what, where=f"--backend {request.backend}", fix="leave --backend out")
    asked = backend.wants_gpu("", given)
    if request.python is not None and asked:
        box = backend.look()
        usable = {"nvidia", "amd"} if asked.startswith("-o device") else box.vendors
        if not (box.vendors & usable) and not (box.vulkan_gpu and usable == box.vendors):
            raise BadInput("asks for a GPU, and this machine shows none", where=asked, fix="leave it out")
    return Choice("")
