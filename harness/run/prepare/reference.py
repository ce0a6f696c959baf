"""The reference of a model's token ids: its own tokenizer, whichever engine is measured (docs/decisions/0068).

Of a GGUF that is llama.cpp's tokenizer of this very file, of a folder its tokenizer.json. Where neither can be had there is no
reference, and an engine that splits text itself is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from harness.catalog.identity import Identity
from harness.errors import BadInput, ReproError, RunFailed, RuntimeUnavailable
from harness.progress import Progress
from harness.run.evidence import ModelHere
from harness.run.execute import bundle
from harness.run.execute.launcher import Deadlines, Interpreter, run_worker
from harness.run.prepare import environments, options, tokens
from harness.run.prepare.interpreters import interpreter_for
from harness.worker.frames import Frame
from harness.worker.plan import Plan
from runtimes.interface import Runtime, Scalar
from runtimes.table import BUILT_IN, find

# Whose `tokenize` is the reference: the first that is installed is asked. The readers of tokenizer.json share one tokenizer
# (runtimes/support/hf_folder.py).
REFERENCES: Mapping[str, tuple[str, ...]] = {
    "gguf": ("llama.cpp",),
    "safetensors": ("pytorch", "mlx", "vllm"),
    "openvino": ("openvino",),
}
_CONTEXT = 256  # the smallest: nothing is computed
# Nothing is, so no device is taken from a server that may hold it, and no weights are copied.
_IDLE: Mapping[str, Scalar] = {"gpu_layers": 0, "device": "cpu", "repack": False}


def is_reference(adapter: Runtime, model_format: str) -> bool:
    """Whether the adapter's own ids are the reference of such a model."""
    return adapter.name in REFERENCES[model_format]


def needed(adapter: Runtime) -> bool:
    """Whether nothing may be measured without one: text would be split in the engine, or ids made by a tokenizer of its own.

    Another's adapter that is given ids is held to a reference where there is one; it computes as many tokens as it is given.
    """
    can = adapter.capabilities
    return not can.synthetic and (can.takes_text or (can.tokenises and adapter.name in BUILT_IN))


def held(adapter: Runtime, model_format: str, cache: Path, *, kept: bool) -> bool:
    """Whether the prompts are a reference's: where one is needed or kept, and for the servers that ours drive, where the
    reference's tokenizer is installed. For a server nothing is installed.
    """
    if adapter.capabilities.synthetic or is_reference(adapter, model_format):
        return False
    at_hand = any(_there(name, cache) is not None for name in REFERENCES[model_format])
    return kept or needed(adapter) or (adapter.name in BUILT_IN and at_hand)


def tokenizer_of(identity: Identity) -> str:
    """What tells one tokenizer from another; a folder's configuration decides on BOS, too, and its whole digest stands for it."""
    return identity.sha256 if identity.format != "gguf" else identity.tokenizer_sha256 or identity.sha256


def key(tokenizer: str, texts: str) -> str:
    """Under which ids are kept; `texts` names what was tokenised."""
    return sha256(f"{tokenizer}:{texts}".encode()).hexdigest()[:24]


def ids_of(model: ModelHere, wanted: tokens.Texts, named: str, cache: Path, progress: Progress) -> tokens.Tokenised:
    """The reference ids of the texts, kept or made now. Raises `RuntimeUnavailable` where they can't be had."""

    def make(texts: Mapping[str, str]) -> tokens.Tokenised:
        name, interpreter = _tokenizer(model.identity.format, cache, progress)
        progress.stage(f"the reference ids of the prompts, by the tokenizer of {name}; once for this model")
        declared = find(name).options
        idle = {option: value for option, value in _IDLE.items() if option in declared}
        filled = options.fill(idle, declared, cores=1, required_context=_CONTEXT)
        plan = Plan(name, str(model.path), model.identity.format, filled, texts=texts, lengths=wanted.lengths)
        try:
            return by_worker(interpreter, plan)
        except ReproError as error:
            raise _none(f"{name}: {error.what}", model.identity.file) from error

    return tokens.made(cache, key(tokenizer_of(model.identity), named), wanted, make, with_texts=True)


def by_worker(interpreter: Interpreter, plan: Plan) -> tokens.Tokenised:
    """What the worker of a plan without workloads tells. Raises the worker's error."""
    frames: dict[str, Frame] = {}
    ended = run_worker(interpreter, plan, Deadlines(), lambda frame: frames.update({frame.kind: frame}))
    if ended.error is not None:
        raise ended.error
    return tokens.told(frames)


def _tokenizer(model_format: str, cache: Path, progress: Progress) -> tuple[str, Interpreter]:
    """Who makes the ids, and its interpreter: an environment that is there, else llama.cpp's is installed for a GGUF."""
    names = REFERENCES[model_format]
    folder, _ = bundle.make(cache)
    for name in names:
        place = _there(name, cache)
        if place is not None:
            return name, Interpreter(place / "bin" / "python", folder, cache / "worker-home")
    if model_format != "gguf":
        raise _none(f"no environment of {' or '.join(names)} is installed", "tokenizer.json")
    progress.stage("the reference of a GGUF's token ids is llama.cpp's tokenizer: its environment is made first")
    try:
        return names[0], interpreter_for(names[0], cache, progress, backend="cpu")
    except (BadInput, RuntimeUnavailable, RunFailed) as error:
        raise _none(f"llama.cpp's environment can't be made: {error.what}", "a GGUF") from error


def _there(name: str, cache: Path) -> Path | None:
    """Its environment of the pinned release; one for the CPU first: another's build loads only where its driver is."""
    found = [
        (one.backend != "cpu", place)
        for place, one in environments.every(cache)
        if one.runtime == name and not one.release
    ]
    return min(found)[1] if found else None


def _none(why: str, where: str) -> RuntimeUnavailable:
    return RuntimeUnavailable(
        f"there are no reference ids to hold the engine's own against ({why})",
        where=where,
        fix="an engine that splits text itself is not measured without: repro runtime install llama.cpp, or pytorch for a folder",
        code="no reference",
    )
