"""A request, checked as far as it can be before anything is fetched, installed or measured."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from harness.capture import snapshot
from harness.catalog import huggingface, model_folder, models, ollama, suites
from harness.catalog.gguf import Header
from harness.catalog.identity import header_of
from harness.catalog.references import HuggingFaceReference, OllamaReference
from harness.catalog.suites import Loaded, Suite
from harness.errors import BadInput
from harness.files import need_room
from harness.progress import SILENT
from harness.record import store
from harness.record.keys import RigSigner, Signers
from harness.run.conclude.head import engine_variables, public_value
from harness.run.execute.journal import Journal
from harness.run.execute.plan import least_context, most_at_once
from harness.run.prepare import (
    baseline,
    choosing,
    depths,
    device_choice,
    headers,
    options,
    package_index,
    resolving,
    second_models,
)
from harness.run.prepare.backend import Choice
from harness.run.prepare.depths import LeftOut
from harness.run.prepare.environments import has_lock, pins, recipe_of
from harness.run.prepare.gate import parts_of, refuse_identifiers
from harness.run.prepare.programs import with_programs
from harness.run.request import Request
from runtimes.interface import Reaching, Runtime, Scalar
from runtimes.table import find

Read = tuple[str, Header]  # a model's file, or its title, and header
RESULT_ROOM_BYTES = 64 << 20  # a long run's samples, its journal beside them, and some to spare


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, understood: what it names exists, and may be published."""

    suite: Loaded
    adapter: Runtime
    reference: models.Reference
    given: Mapping[str, Scalar]
    secrets: Mapping[str, str]
    choice: Choice
    beside: Mapping[str, models.Reference]  # of options that name a second model
    left_out: tuple[LeftOut, ...] = ()

    @property
    def least(self) -> int:
        """Tokens that the context must hold, as far as that is known before anything is tokenised."""
        return least_context(self.suite.suite, makes_one=self.adapter.capabilities.makes_one)

    @property
    def published(self) -> dict[str, Scalar]:
        """The settings as a record says them, but for models: of these their identities tell."""
        return {name: public_value(value) for name, value in self.given.items() if name not in self.beside}

    @property
    def told(self) -> dict[str, Scalar]:
        """The settings as a record may say them: an engine repeats a text that is not declared to name a file as it is."""
        texts = {name for name, option in self.adapter.options.items() if option.kind is str} - self.beside.keys()
        paths = {
            name: value
            for name, value in self.given.items()
            if name in texts and isinstance(value, str) and value.startswith("/")
        }
        return self.published | paths

    def signers(self, request: Request) -> Signers | RigSigner | None:
        """Who signs: nobody answers for a simulation."""
        return None if self.adapter.capabilities.synthetic else request.signers


def checked(request: Request, cache: Path, *, recorded: bool) -> Asked:
    """The request, with all of it checked that needs neither the model nor the engine. `recorded`: a record will be written."""
    asked = understood(request, cache)
    signers = asked.signers(request)
    if recorded:
        refuse_unwritable(request, asked)
    if signers is not None:
        store.writable(signers.place)  # the machine's count of runs is kept there
    if recorded and request.resume and not request.or_new:
        Journal.refuse_nothing(request.results)
    baseline.rule(request, asked.suite)  # refused now rather than after the download
    if asked.adapter.capabilities.reaches:
        cast(Reaching, asked.adapter).reach(asked.given, asked.secrets)
    return asked


def refuse_early(request: Request, cache: Path, *, recorded: bool = True) -> None:
    """Raises as `prepare` does for whatever shows before anything is fetched, installed or hashed.

    For whoever finds the machine busy: who mistyped a name must not learn of it when another run has ended.
    """
    asked = checked(request, cache, recorded=recorded)
    if asked.choice.backend:
        _refuse_unknown_release(request, asked, cache)
    if not depths.has_depths(asked.suite.suite):  # of these is left out what does not fit
        filled_in(asked.given, asked.adapter, asked.choice, snapshot.cores(), asked.suite.suite, asked.least)
    refuse_by_header(asked, cache)


def refuse_by_header(asked: Asked, cache: Path) -> list[Read | None]:
    """What was read of the model, and of those beside it, where it could be read now. Raises `BadInput` for a model that is not
    there, or that runtime or suite can't take, before its weights are fetched.
    """
    if isinstance(asked.reference, models.Model):
        refuse_format(asked.adapter, asked.reference.format, asked.reference.id)
    found = _header_there(asked.reference, cache)
    if found is not None:
        title, header = found
        refuse_format(asked.adapter, header.format, title)
        if not depths.has_depths(asked.suite.suite):
            refuse_untrained(asked, header.context_trained, title)
    return [found, *(_header_there(reference, cache) for reference in asked.beside.values())]


def filled_in(
    given: Mapping[str, Scalar], adapter: Runtime, choice: Choice, cores: int, suite: Suite, required_context: int
) -> dict[str, Scalar]:
    """The settings to run with; a build for the CPU never takes a GPU by itself."""
    filled = options.fill(
        given,
        adapter.options,
        cores=cores,
        required_context=required_context,
        required_sequences=most_at_once(suite),
        conversation=any(workload.is_turn for workload in suite.workloads),
    )
    if choice.backend == "cpu" and filled.get("device") == "auto":
        filled["device"] = "cpu"
    return filled


def refuse_format(adapter: Runtime, kind: str, file: str) -> None:
    """Raises `BadInput` for a model that the runtime neither reads nor converts."""
    if kind not in adapter.formats and not (kind == "gguf" and adapter.capabilities.converts):
        raise BadInput(
            f"{adapter.name} reads {' and '.join(adapter.formats)}, this is {kind}",
            where=file,
            fix="take another runtime or another file",
        )


def refuse_untrained(asked: Asked, trained: int | None, file: str) -> None:
    """Raises `BadInput` for a suite, or a context, beyond what the model was `trained` for (None: not known)."""
    if trained is not None and asked.least > trained:
        raise BadInput(
            f"it was trained for {trained} tokens, and {asked.suite.label} needs {asked.least} or more",
            where=file,
            fix="take a shorter suite",
        )
    known = trained if asked.adapter.capabilities.holds_model else None  # a server, or a simulation, has one of its own
    options.refuse_absurd(asked.given, asked.adapter.options, logical=os.cpu_count() or 1, trained=known)


def _refuse_unknown_release(request: Request, asked: Asked, cache: Path) -> None:
    """Raises for a release that the index does not have, where it is not kept."""
    named, backend = request.named, asked.choice.backend
    recipe = recipe_of(named.name)
    if not pins(recipe, backend, named.release) and not has_lock(cache, named.name, backend, named.release):
        resolving.refuse_unknown(named, recipe, backend)
        resolving.offered(named, package_index.ask(recipe, backend))


def _header_there(reference: models.Reference, cache: Path) -> Read | None:
    """Those of a model, where it can be read now. Raises `BadInput` where nothing will be found under its name."""
    match reference:
        case HuggingFaceReference():
            huggingface.look(reference, cache)
        case OllamaReference():
            ollama.find(reference, cache, SILENT)
        case Path():
            return reference.name, header_of(reference)
    with suppress(BadInput):  # said when it is fetched, if it is anything to say
        return headers.read(reference, cache)
    return None


def understood(request: Request, cache: Path) -> Asked:
    """What the request names. Raises `BadInput` for what is not there, contradicts itself, or may not be published."""
    suite = suites.load(request.suite)
    adapter = find(request.named.name)
    parsed = options.parse(request.settings, adapter.options, adapter.name)
    given, secrets = options.secrets(parsed, adapter.options, os.environ)
    given = with_programs(device_choice.with_places(given), adapter.options)
    reference = models.resolve(request.model)
    if request.python is not None and not request.python.exists():
        raise BadInput(
            "there is no such interpreter", where=f"--python {request.python}", fix="name a python executable"
        )
    options.refuse_absurd(given, adapter.options, logical=os.cpu_count() or 1, trained=None)
    choice = choosing.choose(request, adapter, given, cache)
    asked = Asked(suite, adapter, reference, given, secrets, choice, second_models.named(given, adapter.options))
    refuse_identifiers({"runtime": {"options": asked.told}}, suite)
    refuse_identifiers(parts_of(suite, snapshot.capture().to_json(), engine_variables(secrets)), suite)
    return asked


def refuse_unwritable(request: Request, asked: Asked) -> None:
    """Raises `BadInput` or `NotEnoughSpace` where the record could not be written in the end."""
    store.writable(request.results)
    need_room(request.results, RESULT_ROOM_BYTES, "name another --results")
    match asked.reference:
        case models.Model():
            title = asked.reference.id
        case HuggingFaceReference(repo=repo, file=file):
            title = Path(file or repo).name.removesuffix(".gguf")
        case OllamaReference():
            title = asked.reference.title
        case path:
            title = model_folder.title(path)
    refuse_long_name(request, asked, title)


def refuse_long_name(request: Request, asked: Asked, model: str) -> None:
    """Raises `BadInput` where the file system takes no folder of that name."""
    name = store.folder_name("0000-00-00T00:00:00Z", model, asked.adapter.name, asked.suite.label, "0" * 64)
    store.refuse_long_name(request.results, name, f"{model[:40]}…" if len(model) > 40 else model)
