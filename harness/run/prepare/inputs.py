"""Everything that a run needs, checked before anything long begins, then fetched and installed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from harness.capture import snapshot
from harness.catalog import model_folder, models, suites
from harness.catalog.gguf import Header
from harness.catalog.identity import Identity
from harness.catalog.references import HuggingFaceReference, OllamaReference
from harness.catalog.suites import Loaded, Suite
from harness.errors import BadInput
from harness.files import need_room
from harness.progress import Progress
from harness.record import store
from harness.run.conclude.head import engine_variables, public_value
from harness.run.evidence import Engine, ModelHere, Prepared
from harness.run.execute import bundle
from harness.run.execute.launcher import Interpreter
from harness.run.execute.plan import least_context, most_at_once
from harness.run.prepare import (
    baseline,
    choosing,
    convert,
    depths,
    device_choice,
    headers,
    memory_need,
    options,
    second_models,
)
from harness.run.prepare.backend import Choice
from harness.run.prepare.depths import LeftOut
from harness.run.prepare.environments import pins, recipe_of
from harness.run.prepare.gate import parts_of, refuse_identifiers
from harness.run.prepare.interpreters import python_for, resolved
from harness.run.prepare.model_files import as_it_lies, fetched
from harness.run.prepare.options import CONTEXT_STEP
from harness.run.prepare.programs import with_programs
from harness.run.request import Request
from runtimes.interface import Reaching, Runtime, Scalar
from runtimes.table import find

RESULT_ROOM_BYTES = 64 << 20  # a long run's samples, its journal beside them, and some to spare


@dataclass(frozen=True, slots=True)
class _Asked:
    """The request, understood: what it names exists, and may be published."""

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


def prepare(request: Request, cache: Path, progress: Progress, *, recorded: bool = True) -> Prepared:
    """Check every input before anything long begins; fetch and install what is missing. `recorded`: a record will be written."""
    asked = _understood(request, cache)
    signers = None if asked.adapter.capabilities.synthetic else request.signers  # nobody answers for a simulation
    if recorded:
        _refuse_unwritable(request, asked)
    if signers is not None:
        store.writable(signers.place)  # the machine's count of runs is kept there
    baseline.rule(request, asked.suite)  # refused now rather than after the download
    if asked.adapter.capabilities.reaches:
        cast(Reaching, asked.adapter).reach(asked.given, asked.secrets)
    if asked.choice.backend:
        resolved(request.named, asked.choice.backend, cache, progress)
    cores = snapshot.cores()
    asked = _without_deep(asked, cores, cache)
    filled = _least_filled(asked, cores)
    early = _memory_asked(asked, filled, cache, progress)
    model = fetched(asked.reference, cache, progress)
    asked = _within_training(asked, model.identity)
    filled = _least_filled(asked, cores)
    _refuse_unfit(request, asked, model, cache)
    beside = second_models.here(asked.beside, asked.adapter, cache, progress)
    for one in beside.values():
        refuse_identifiers({"model": one.identity.to_json()}, asked.suite)
    if not early:
        drafts = [model_folder.header(one.path) for one in beside.values()]
        load = _load(asked, filled, model_folder.header(model.path), model.identity.file, drafts)
        memory_need.refuse_if_short(load, progress)
    asked = replace(asked, given={**asked.given, **second_models.published(beside)})
    folder, bundle_sha256 = bundle.make(cache)
    python, installed = python_for(request, asked.choice, cache, progress)
    interpreter = Interpreter(python, folder, cache / "worker-home", asked.secrets)
    if model.identity.format not in asked.adapter.formats:
        model = _converted(asked, model, interpreter, cache, progress)
    return Prepared(
        request=request,
        suite=asked.suite,
        engine=Engine(asked.adapter, asked.choice, interpreter, installed, bundle_sha256),
        model=model,
        given=asked.given,
        options=filled | second_models.paths(beside),
        cores=cores,
        signers=signers,
        left_out=asked.left_out,
        beside=beside,
    )


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


def _without_deep(asked: _Asked, cores: int, cache: Path) -> _Asked:
    """Without the depths that do not fit: into the runtime, the model, the context that was asked for, the memory."""
    suite, adapter = asked.suite.suite, asked.adapter
    if not depths.has_depths(suite):
        return asked
    if not adapter.capabilities.deepens:
        limits = [depths.Limit(0, f"{adapter.name} can't begin behind tokens that are in its cache")]
    else:
        limits = _room_for_depths(asked, cores, cache)
    kept, left_out = depths.fitting(suite, limits)
    return replace(asked, suite=replace(asked.suite, suite=kept), left_out=left_out)


def _within_training(asked: _Asked, identity: Identity) -> _Asked:
    """The same once more by the model as it was fetched: its header may not have been readable before."""
    if identity.context_trained is None or not depths.has_depths(asked.suite.suite):
        return asked
    limit = _trained_limit(identity.context_trained)
    kept, left_out = depths.fitting(asked.suite.suite, [limit])
    return replace(asked, suite=replace(asked.suite, suite=kept), left_out=asked.left_out + left_out)


def _trained_limit(tokens: int) -> depths.Limit:
    return depths.Limit(tokens, f"the model was trained for {tokens:,} tokens")


def _least_filled(asked: _Asked, cores: int) -> dict[str, Scalar]:
    """The settings, as far as they are known before anything is tokenised."""
    return filled_in(asked.given, asked.adapter, asked.choice, cores, asked.suite.suite, asked.least)


def _room_for_depths(asked: _Asked, cores: int, cache: Path) -> list[depths.Limit]:
    """Limits of a request, as far as they are known before the model is fetched."""
    found = []
    context = asked.given.get("context")
    if isinstance(context, int):
        found.append(depths.Limit(context, f"-o context={context}"))
    if not asked.adapter.capabilities.holds_model:
        return found
    try:
        title, header = headers.read(asked.reference, cache)
    except BadInput:
        return found  # said when it is fetched, if it is anything to say
    trained = header.number(f"{header.text('general.architecture')}.context_length")
    if trained is not None:
        found.append(_trained_limit(trained))
    smallest, _ = depths.fitting(asked.suite.suite, [*found, depths.Limit(0, "")])
    least = replace(asked, suite=replace(asked.suite, suite=smallest)).least
    filled = filled_in(asked.given, asked.adapter, asked.choice, cores, smallest, least)
    longest = memory_need.longest(_load(asked, filled, header, title))
    if longest is not None:
        found.append(depths.Limit(longest, f"the memory that is free holds {longest:,} tokens"))
    return found


def _understood(request: Request, cache: Path) -> _Asked:
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
    asked = _Asked(suite, adapter, reference, given, secrets, choice, second_models.named(given, adapter.options))
    refuse_identifiers({"runtime": {"options": asked.told}}, suite)
    refuse_identifiers(parts_of(suite, snapshot.capture().to_json(), engine_variables(secrets)), suite)
    return asked


def _refuse_unwritable(request: Request, asked: _Asked) -> None:
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
    _refuse_long_name(request, asked, title)


def _refuse_long_name(request: Request, asked: _Asked, model: str) -> None:
    name = store.folder_name("0000-00-00T00:00:00Z", model, asked.adapter.name, asked.suite.label, "0" * 64)
    store.refuse_long_name(request.results, name, f"{model[:40]}…" if len(model) > 40 else model)


def _refuse_unfit(request: Request, asked: _Asked, model: ModelHere, cache: Path) -> None:
    """Raises where this model can't be measured so: by this runtime, against that baseline, in this memory, by this suite."""
    identity, adapter, suite = model.identity, asked.adapter, asked.suite
    _refuse_long_name(request, asked, identity.name)
    if request.against is not None:
        baseline.refuse_other_model(request.against, identity)
    converting = identity.format not in adapter.formats
    if converting and not (identity.format == "gguf" and adapter.capabilities.converts):
        raise BadInput(
            f"{adapter.name} reads {' and '.join(adapter.formats)}, this is {identity.format}",
            where=identity.file,
            fix="take another runtime or another file",
        )
    if converting:
        convert.refuse_shards(identity)
        _refuse_converting_by_others(request, asked.choice.backend, identity, cache)
    refuse_identifiers({"model": identity.to_json(), "runtime": {"options": asked.told}}, suite)
    least = asked.least
    if identity.context_trained is not None and least > identity.context_trained:
        raise BadInput(
            f"it was trained for {identity.context_trained} tokens, and {suite.label} needs {least} or more",
            where=identity.file,
            fix="take a shorter suite",
        )
    options.refuse_absurd(
        asked.given, adapter.options, logical=os.cpu_count() or 1, trained=_trained(adapter, identity)
    )


def _memory_asked(asked: _Asked, filled: Mapping[str, Scalar], cache: Path, progress: Progress) -> bool:
    """Refuse what the memory can't hold before its weights are fetched and hashed; false where its header can't be read yet."""
    if not asked.adapter.capabilities.holds_model:
        return True
    try:
        title, header = headers.read(asked.reference, cache)
        drafts = [headers.read(reference, cache)[1] for reference in asked.beside.values()]
    except BadInput:
        return False  # said when it is fetched, if it is anything to say
    trained = header.number(f"{header.text('general.architecture')}.context_length")
    if trained is not None and int(filled.get("context") or 0) > trained + CONTEXT_STEP:
        return False  # too long for the model: that is said of it
    memory_need.refuse_if_short(_load(asked, filled, header, title, drafts), progress)
    return True


def _load(
    asked: _Asked, filled: Mapping[str, Scalar], header: Header, title: str, drafts: Sequence[Header] = ()
) -> memory_need.Load:
    return memory_need.Load(
        adapter=asked.adapter,
        backend=asked.choice.backend,
        options=filled,
        header=header,
        file=title,
        converted=("gguf" if header.version else "safetensors") not in asked.adapter.formats,
        least_context=asked.least,
        drafts=tuple(drafts),
    )


def _trained(adapter: Runtime, identity: Identity) -> int | None:
    """The longest context that the model was trained for; a server, or a simulation, has one of its own."""
    return identity.context_trained if adapter.capabilities.holds_model else None


def _refuse_converting_by_others(request: Request, backend: str, identity: Identity, cache: Path) -> None:
    """Raises `BadInput` where a model that is not converted yet would be so by other libraries than those that are pinned."""
    others, (name, release) = "", request.named
    if request.python is not None:
        others = "--python"
    elif backend and not pins(recipe_of(name), backend, release):
        others = f"--runtime {request.runtime}"
    if others and not convert.there(cache, identity):
        raise BadInput(
            f"{identity.name} is not converted yet, and that is done by pinned libraries only",
            where=others,
            fix=f"run first: repro model prepare {request.model}",
        )


def _converted(asked: _Asked, model: ModelHere, interpreter: Interpreter, cache: Path, progress: Progress) -> ModelHere:
    """The model in a format that the runtime reads."""
    identity = model.identity
    path = convert.prepare(asked.adapter.name, identity, model.path, interpreter, cache, progress)
    return as_it_lies(asked.reference, path, cache, progress)
