"""The suite's prompts as ids of this model, made by a worker the first time, and what an engine's own ids are held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.errors import RuntimeUnavailable
from harness.progress import Progress
from harness.run.evidence import Prepared
from harness.run.execute.collect import collect
from harness.run.execute.launcher import run_worker
from harness.run.execute.next_step import Failure
from harness.run.execute.plan import texts_of
from harness.run.execute.worker_failed import WorkerFailed
from harness.run.prepare import reference, tokens
from harness.run.prepare.admission import admit
from harness.worker import tokenizer_gate
from harness.worker.frames import Frame
from harness.worker.plan import Plan


def tokenise(prepared: Prepared, cache: Path, progress: Progress) -> tokens.Prompts:
    """The prompts; from the cache where they are known. Raises `WorkerFailed`; `RuntimeUnavailable` where a reference is needed
    and can't be had.
    """
    adapter, can = prepared.adapter, prepared.adapter.capabilities
    wanted = texts_of(prepared.suite.suite, prepared.request.challenge or "")
    own, named = reference.is_reference(adapter, prepared.identity.format), _named(prepared)
    kept = reference.key(reference.tokenizer_of(prepared.identity), named)
    if own and not can.synthetic:
        made = tokens.made(cache, kept, wanted, lambda texts: _made(prepared, texts, progress, wanted), with_texts=True)
        return tokens.prompts(made, wanted)
    if not reference.held(adapter, prepared.identity.format, cache, kept=tokens.there(cache, kept, wanted)):
        return _of_its_own(prepared, wanted, cache, progress)
    try:
        made = reference.ids_of(prepared.model, wanted, named, cache, progress)
    except RuntimeUnavailable:
        if reference.needed(adapter):
            raise
        return _of_its_own(prepared, wanted, cache, progress)
    found = tokens.prompts(made, wanted)
    if can.takes_text or can.tokenises:
        return _gated(found, adapter.name)
    return tokens.gated(found) if tokenizer_gate.asks(adapter.name, can) else found


def _named(prepared: Prepared) -> str:
    """What names the texts: the suite, and the challenge that drew some of them."""
    challenge = prepared.request.challenge
    return prepared.suite.sha256 + (f":{challenge}" if challenge else "")


def _of_its_own(prepared: Prepared, wanted: tokens.Texts, cache: Path, progress: Progress) -> tokens.Prompts:
    """What a simulation, a server or another's adapter, which nobody checked, makes of a text is its own affair."""
    tokenizer = reference.tokenizer_of(prepared.identity)
    whose = f"{prepared.adapter.name} {prepared.options.get('url', '')} {tokenizer}"
    key = reference.key(whose, _named(prepared))
    made = tokens.made(cache, key, wanted, lambda texts: _made(prepared, texts, progress))
    return replace(tokens.prompts(made, wanted), unchecked=not prepared.adapter.capabilities.synthetic)


def _gated(found: tokens.Prompts, runtime: str) -> tokens.Prompts:
    without = sorted(name for name, text in found.texts.items() if text is None)
    if without:
        raise RuntimeUnavailable(
            "no beginning of its text has exactly the ids that are asked for, so the engine's own can't be held against them",
            where=without[0],
            fix=f"take another suite with {runtime}",
            code="no reference",
        )
    return tokens.gated(found)


def _made(
    prepared: Prepared, texts: Mapping[str, str], progress: Progress, wanted: tokens.Texts | None = None
) -> tokens.Tokenised:
    progress.stage("turning the prompts into token ids; once for this model and suite")
    frames: dict[str, Frame] = {}

    def on_frame(frame: Frame) -> None:
        admit(frame, prepared)
        frames[frame.kind] = frame

    plan = Plan(
        prepared.adapter.name,
        str(prepared.model.path),
        prepared.identity.format,
        dict(prepared.options),
        texts=texts,
        lengths=wanted.lengths if wanted else {},
    )
    ended = run_worker(prepared.engine.interpreter, plan, prepared.request.deadlines, on_frame)
    if ended.error is not None:
        raise WorkerFailed(ended.error, (Failure(0, ended.error, ended),), collect(0, list(frames.values())))
    return tokens.told(frames)
