"""`repro runtime check`: the conformance suite of one adapter, in a worker of its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from harness import paths
from harness.errors import RunFailed, RuntimeUnavailable
from harness.progress import Progress
from harness.run.evidence import Prepared
from harness.run.execute.launcher import run_worker
from harness.run.prepare import reference, tokens
from harness.run.prepare.asked import refuse_early
from harness.run.prepare.inputs import prepare
from harness.run.prepare.machine import held
from harness.run.request import Request
from harness.worker.conformance import HARD, TEXT
from harness.worker.frames import Frame
from harness.worker.plan import Plan, Prompt
from runtimes.interface import Runtime, Scalar

Result = tuple[str, str, str]  # code; pass, fail or unknown; what was seen
AT_ONCE = 2  # requests of the check `batched`
CONTEXT = 256  # tokens that the checks fit into


def conform(request: Request, progress: Progress) -> list[Result]:
    """Every check's result. Raises the adapter's own error where it can't load the model at all."""
    cache = paths.cache()
    with held("a measurement is running on this machine", lambda: refuse_early(request, cache, recorded=False)):
        prepared = prepare(request, cache, progress, recorded=False)
        found: list[Result] = []

        def on_frame(frame: Frame) -> None:
            if frame.kind == "check":
                found.append((str(frame.header["code"]), str(frame.header["status"]), str(frame.header["text"])))
                progress.stage(f"checking {request.runtime}: {found[-1][0]}")

        progress.stage(f"checking {request.runtime}: loading the model")
        prompts = _reference(prepared, cache, progress)
        plan = Plan(
            prepared.adapter.name,
            str(prepared.model.path),
            prepared.identity.format,
            _options(prepared.adapter, prepared.options, prepared.given),
            conformance=True,
            reference=prompts,
        )
        ended = run_worker(prepared.engine.interpreter, plan, request.deadlines, on_frame)
    if ended.error is not None:
        raise ended.error
    if not found:
        raise RunFailed("the worker reported no check", where="conformance")
    return found


def _options(adapter: Runtime, options: Mapping[str, Scalar], given: Collection[str]) -> dict[str, Scalar]:
    """With room for two requests, where the adapter has to be told; of a server that runs no more context than is used."""
    found = dict(options)
    if "sequences" in adapter.options:
        asked = options.get("sequences")
        found["sequences"] = max(asked if isinstance(asked, int) else 1, AT_ONCE)
    if "context" in adapter.options and adapter.options["context"].fixed and "context" not in given:
        found["context"] = CONTEXT
    return found


def _reference(prepared: Prepared, cache: Path, progress: Progress) -> tuple[Prompt, ...]:
    """What the adapter's own ids are held against; empty where its own are the reference, or none is needed and none is kept."""
    adapter, model = prepared.adapter, prepared.model
    texts = {"text": TEXT, "hard": HARD}
    wanted = tokens.Texts(texts, dict.fromkeys(texts))
    named = "\n".join(("conformance", *texts.values()))
    kept = tokens.there(cache, reference.key(reference.tokenizer_of(model.identity), named), wanted)
    if not reference.held(adapter, model.identity.format, cache, kept=kept):
        return ()
    try:
        made = reference.ids_of(model, wanted, named, cache, progress)
    except RuntimeUnavailable:
        if reference.needed(adapter):
            raise
        return ()
    return tuple(tokens.gated(tokens.prompts(made, wanted)).reference.values())
