"""The suite's prompts as ids of this model, made by a worker the first time."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from harness.catalog.suites import Loaded
from harness.errors import RunFailed
from harness.progress import Progress
from harness.run.evidence import Prepared
from harness.run.execute.collect import collect
from harness.run.execute.launcher import run_worker
from harness.run.execute.next_step import Failure
from harness.run.execute.plan import texts_of
from harness.run.execute.worker_failed import WorkerFailed
from harness.run.prepare import tokens
from harness.run.prepare.admission import admit
from harness.worker.frames import Frame
from harness.worker.plan import Plan
from runtimes.table import BUILT_IN


def tokenise(prepared: Prepared, cache: Path, progress: Progress) -> tuple[dict[str, tuple[int, ...]], int]:
    """The ids of each text, and the size of the vocabulary; from the cache where they are known. Raises `WorkerFailed`."""
    texts = texts_of(prepared.suite.suite)

    def make(wanted: Mapping[str, str]) -> tokens.Tokenised:
        progress.stage("turning the prompts into token ids; once for this model and suite")
        return _by_worker(prepared, wanted)

    return tokens.tokens(cache, _key(prepared, cache), texts, make)


def _key(prepared: Prepared, cache: Path) -> str:
    """Under which the ids are kept: by tokenizer and suite, and where somebody else tokenises, by them."""
    identity, suite = prepared.identity, prepared.suite
    # A folder's configuration decides on BOS and vocabulary, too: its whole digest stands for its tokenizer.
    tokenizer = identity.sha256 if identity.format == "safetensors" else identity.tokenizer_sha256 or identity.sha256
    key = _token_key(tokenizer, suite)
    can = prepared.adapter.capabilities
    foreign = not can.tokenises or prepared.adapter.name not in BUILT_IN
    if can.synthetic or (foreign and not tokens.there(cache, key, texts_of(suite.suite))):
        # What a simulation, a server or another's adapter, which nobody checked, makes of a text is its own affair.
        key = _token_key(f"{prepared.adapter.name} {prepared.options.get('url', '')} {tokenizer}", suite)
    return key


def _token_key(tokenizer: str, suite: Loaded) -> str:
    return sha256(f"{tokenizer}:{suite.sha256}".encode()).hexdigest()[:24]


def _by_worker(prepared: Prepared, texts: Mapping[str, str]) -> tokens.Tokenised:
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
    )
    ended = run_worker(prepared.engine.interpreter, plan, prepared.request.deadlines, on_frame)
    if ended.error is not None:
        raise WorkerFailed(ended.error, (Failure(0, ended.error, ended),), collect(0, list(frames.values())))
    if not frames.keys() >= {"loaded", "tokens"} or not frames["tokens"].header["ids"]:
        raise RunFailed("the worker gave no token ids", where="tokenising")
    return tokens.Tokenised(frames["tokens"].header["ids"], frames["loaded"].header["facts"]["vocab_size"])
