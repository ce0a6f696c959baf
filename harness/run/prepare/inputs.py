"""Everything that a run needs: checked, fetched and installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.capture import snapshot
from harness.catalog import model_folder
from harness.catalog.gguf import Header
from harness.catalog.identity import Identity
from harness.errors import BadInput
from harness.progress import Progress
from harness.run.evidence import Engine, ModelHere, Prepared
from harness.run.execute import bundle
from harness.run.execute.launcher import Interpreter
from harness.run.prepare import (
    baseline,
    convert,
    depths,
    headers,
    memory_need,
    second_models,
)
from harness.run.prepare.asked import (
    Asked,
    Read,
    checked,
    filled_in,
    refuse_by_header,
    refuse_format,
    refuse_long_name,
    refuse_untrained,
)
from harness.run.prepare.environments import pins, recipe_of
from harness.run.prepare.gate import refuse_identifiers
from harness.run.prepare.interpreters import python_for, resolved
from harness.run.prepare.model_files import as_it_lies, fetched
from harness.run.prepare.options import CONTEXT_STEP
from harness.run.request import Request
from runtimes.interface import Scalar


def prepare(request: Request, cache: Path, progress: Progress, *, recorded: bool = True) -> Prepared:
    """Check every input before anything long begins; fetch and install what is missing. `recorded`: a record will be written."""
    asked = checked(request, cache, recorded=recorded)
    if asked.choice.backend:
        resolved(request.named, asked.choice.backend, cache, progress)
    cores = snapshot.cores()
    asked = _without_deep(asked, cores, cache)
    filled = _least_filled(asked, cores)
    read = refuse_by_header(asked, cache)
    early = _memory_asked(asked, filled, read, cache, progress)
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
        signers=asked.signers(request),
        left_out=asked.left_out,
        beside=beside,
    )


def _without_deep(asked: Asked, cores: int, cache: Path) -> Asked:
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


def _within_training(asked: Asked, identity: Identity) -> Asked:
    """The same once more by the model as it was fetched: its header may not have been readable before."""
    if identity.context_trained is None or not depths.has_depths(asked.suite.suite):
        return asked
    limit = _trained_limit(identity.context_trained)
    kept, left_out = depths.fitting(asked.suite.suite, [limit])
    return replace(asked, suite=replace(asked.suite, suite=kept), left_out=asked.left_out + left_out)


def _trained_limit(tokens: int) -> depths.Limit:
    return depths.Limit(tokens, f"the model was trained for {tokens:,} tokens")


def _least_filled(asked: Asked, cores: int) -> dict[str, Scalar]:
    """The settings, as far as they are known before anything is tokenised."""
    return filled_in(asked.given, asked.adapter, asked.choice, cores, asked.suite.suite, asked.least)


def _room_for_depths(asked: Asked, cores: int, cache: Path) -> list[depths.Limit]:
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
    trained = header.context_trained
    if trained is not None:
        found.append(_trained_limit(trained))
    smallest, _ = depths.fitting(asked.suite.suite, [*found, depths.Limit(0, "")])
    least = replace(asked, suite=replace(asked.suite, suite=smallest)).least
    filled = filled_in(asked.given, asked.adapter, asked.choice, cores, smallest, least)
    longest = memory_need.longest(_load(asked, filled, header, title))
    if longest is not None:
        found.append(depths.Limit(longest, f"the memory that is free holds {longest:,} tokens"))
    return found


def _refuse_unfit(request: Request, asked: Asked, model: ModelHere, cache: Path) -> None:
    """Raises where this model can't be measured so: by this runtime, against that baseline, in this memory, by this suite."""
    identity, adapter, suite = model.identity, asked.adapter, asked.suite
    refuse_long_name(request, asked, identity.name)
    if request.against is not None:
        baseline.refuse_other_model(request.against, identity)
    refuse_format(adapter, identity.format, identity.file)
    if identity.format not in adapter.formats:
        convert.refuse_shards(identity)
        _refuse_converting_by_others(request, asked.choice.backend, identity, cache)
    refuse_identifiers({"model": identity.to_json(), "runtime": {"options": asked.told}}, suite)
    refuse_untrained(asked, identity.context_trained, identity.file)


def _memory_asked(
    asked: Asked, filled: Mapping[str, Scalar], read: Sequence[Read | None], cache: Path, progress: Progress
) -> bool:
    """Refuse what the memory can't hold before its weights are fetched and hashed; false where its header can't be read yet."""
    if not asked.adapter.capabilities.holds_model:
        return True
    try:
        # What lies elsewhere was read a moment ago; of a folder all files count.
        (title, header), *drafts = (
            headers.read(reference, cache) if found is None or isinstance(reference, Path) else found
            for reference, found in zip((asked.reference, *asked.beside.values()), read, strict=True)
        )
    except BadInput:
        return False  # said when it is fetched, if it is anything to say
    trained = header.context_trained
    if trained is not None and int(filled.get("context") or 0) > trained + CONTEXT_STEP:
        return False  # too long for the model: that is said of it
    memory_need.refuse_if_short(_load(asked, filled, header, title, [one for _, one in drafts]), progress)
    return True


def _load(
    asked: Asked, filled: Mapping[str, Scalar], header: Header, title: str, drafts: Sequence[Header] = ()
) -> memory_need.Load:
    return memory_need.Load(
        adapter=asked.adapter,
        backend=asked.choice.backend,
        options=filled,
        header=header,
        file=title,
        converted=header.format not in asked.adapter.formats,
        least_context=asked.least,
        drafts=tuple(drafts),
    )


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


def _converted(asked: Asked, model: ModelHere, interpreter: Interpreter, cache: Path, progress: Progress) -> ModelHere:
    """The model in a format that the runtime reads."""
    identity = model.identity
    path = convert.prepare(asked.adapter.name, identity, model.path, interpreter, cache, progress)
    return as_it_lies(asked.reference, path, cache, progress)
