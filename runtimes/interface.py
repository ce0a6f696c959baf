"""What the harness asks of an inference engine, and what an engine may ask of the harness. Types only.

An adapter module must import without its engine: the command line reads `formats` and `options` from it in the core
environment; the engine itself is imported inside `load`, in the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.device_kinds import DeviceKind
from runtimes.recipes import Build, Recipe

__all__ = [
    "FAILURE_REASONS", "NO_MODEL", "PREFIX_CACHES", "SECRET", "Batching", "Build", "Capabilities", "Converting", "Describing",
    "Device", "DeviceKind", "EngineFacts", "EventPool", "FailureSign", "LoadedRuntime", "ModelFiles", "Option",
    "Outliving", "Probing", "Reaching", "Recipe", "Remembering", "Runtime", "RuntimeFacts", "Scalar", "TakingText",
    "Watch", "with_defaults",
]  # fmt: skip

Scalar = str | int | bool | None
# What engines call the option that keeps a conversation: the harness fills it in, where a suite is one.
PREFIX_CACHES = ("prefix_cache", "prefix_caching")
NO_MODEL = "none"  # of an option that names a second model
SECRET = "REPRO_SECRET_"  # noqa: S105 - and an option's name: the worker's variable with what a secret option names


@dataclass(frozen=True, slots=True)
class Option:
    """One setting of a runtime, declared so that the command line can refuse a bad one before a worker starts."""

    help: str
    kind: type = str  # int, bool, str, or Path: a file that is there, as text by its whole path
    default: Scalar = None  # None: chosen by the harness or the engine, and recorded as resolved
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    secret: bool = False  # names a variable: its content goes to the worker's environment, neither is recorded anywhere
    maximum: int | None = None
    # Names a program, as a path or one on PATH: given, it is the engine, and no environment is made or looked for.
    program: bool = False
    # Names a place outside of the engine, as text: an address, or a file that need not be there.
    outside: bool = False
    # Names a second model as --model does, or is `NO_MODEL`: fetched, hashed and named in the record; the adapter gets its path.
    model: bool = False
    # Is what it is before a run begins, at a server that runs: the least that will do is asked for, nothing is rounded up.
    fixed: bool = False

    @property
    def reaches(self) -> bool:
        """Whether its value names a program, a file or an address: a matrix that others wrote may not, unasked."""
        return self.program or self.outside or self.kind is Path


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The model's files on this machine, already checked; `path` is the file (GGUF) or folder (safetensors) to open."""

    path: Path
    format: str


@dataclass(frozen=True, slots=True)
class Device:
    """A device that the engine used, not one that it only could use; `memory_bytes` is None where the engine does not tell.

    An `accelerator` is a library that helps the processor (BLAS, AMX), never a device of its own in a hardware class.
    """

    name: str
    kind: DeviceKind
    description: str
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class RuntimeFacts:
    """What a record must say about the engine that ran. Settings are as resolved, never as asked for."""

    engine: str  # the engine itself, not its wrapper: llama.cpp
    version: str  # the engine's own
    package: str  # the distribution that carries it, with its version
    commit: str
    build: Mapping[str, Scalar]
    settings: Mapping[str, Scalar]
    devices: tuple[Device, ...]
    vocab_size: int
    context_tokens: int  # 0: a server that does not tell
    bos_id: int | None
    add_bos: bool
    clock: str  # what the stamps mean: "host, after llama_synchronize"
    model: Mapping[str, Scalar] = field(default_factory=dict)  # what the engine says that it loaded
    device_ids: tuple[str, ...] = ()  # the driver's ids of the devices used, for the meters; never recorded
    # The PCI places of the GPUs among `devices`, in their order, "" for one that is not told: for the meters; never recorded.
    device_places: tuple[str, ...] = ()
    served: str = ""  # the name under which a server lists the model: must stay the same; never recorded
    # Where the layers were computed. Empty: where the devices lie; to be stated where a processor is listed beside a GPU.
    computed_on: tuple[DeviceKind, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What an engine says of itself without a model: for the record of a run in which it failed."""

    engine: str
    version: str
    package: str
    commit: str
    build: Mapping[str, Scalar]
    devices: tuple[Device, ...]  # that it could use, whether it would or not


FAILURE_REASONS = ("out_of_memory", "unsupported_architecture", "unsupported_quantisation", "driver_or_library")


@dataclass(frozen=True, slots=True)
class FailureSign:
    """Words in an engine's log, or in its error, that show why it failed."""

    reason: str  # one of `FAILURE_REASONS`
    pattern: str  # a regular expression, of one line, small and capital letters alike


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an adapter is and can do beside the interface. Declared on its class, never concluded from its methods."""

    synthetic: bool = False  # it only pretends: its records say so, are not signed, and no registry takes them
    in_core: bool = False  # needs no environment of its own: its worker runs in the interpreter of `repro`
    holds_model: bool = True  # its worker holds the weights in memory; false where a server does
    tokenises: bool = True  # makes ids by a tokenizer of its own; false: what it makes is used for itself alone
    takes_text: bool = False  # is given prompts as text and splits it itself; what it loads is `TakingText`
    forces: bool = True  # decodes ids that it is given
    scores: bool = True  # tells the likelihood of given ids
    batches: bool = False  # what it loads is `Batching`
    deepens: bool = False  # what it loads is `Remembering`: any ids, and any ids behind them
    # What it loads is `Remembering`: the turns of a conversation, by its prefix cache. It has one of the options `PREFIX_CACHES`.
    converses: bool = False
    converts: bool = False  # is `Converting`
    outlives: bool = False  # what it loads is `Outliving`
    describes: bool = False  # is `Describing`
    probes: bool = False  # is `Probing`
    reaches: bool = False  # is `Reaching`
    makes_one: bool = False  # of a prefill alone it makes one token, too, which needs a place in the context
    serves: bool = False  # its engine is a server of its own, which the worker starts and stops: it holds the model


class Watch(Protocol):
    """The stopwatch that a runtime calls while it generates. Each call stamps a clock into an array made beforehand."""

    def start(self) -> None:
        """The work of this trial begins now."""

    def step(self) -> None:
        """A forward step has really finished; the next token is not chosen yet."""

    def token(self) -> None:
        """The next output token is available to the caller (or the prefill ended, in a prefill-only trial)."""

    def again(self) -> None:
        """Another token came with the one stamped last: the same moment."""

    def at(self, host_ns: int) -> None:
        """The next token came when `time.perf_counter_ns` read `host_ns`, not before the one stamped last."""

    def device(self, events: EventPool, count: int) -> None:
        """In place of `step` and `token`, right after the trial's one synchronise: the first `count` events are the
        start (index 0) and each token in turn. Stamps the host's end, then reads the device's times.
        """


class EventPool(Protocol):
    """Device-side stamps for an engine whose stream the adapter owns (CUDA events); made before the first trial."""

    def record(self, index: int) -> None:
        """Record event `index` on the stream that does the work; never synchronises."""

    def elapsed_ns(self, count: int) -> NDArray[np.int64]:
        """After one synchronise: the `count - 1` intervals between neighbouring events, in nanoseconds."""


class LoadedRuntime(Protocol):
    """An engine with one model in memory."""

    facts: RuntimeFacts

    def tokenize(self, text: str, *, add_bos: bool) -> list[int]:
        """The ids of `text` by the model's own tokenizer; special tokens in the text are plain text."""

    def generate(
        self, prompt: Sequence[int], output_tokens: int, watch: Watch, *, forced: Sequence[int] | None = None
    ) -> list[int]:
        """Prefill `prompt`, then produce exactly `output_tokens` ids, ignoring end-of-sequence.

        Greedy: each id is the arg-max of the logits. Forced (`forced` given): ids are fed from the list and no
        choice is made. With `output_tokens == 0` only the prefill runs; with an empty prompt, `forced` is decoded
        from an empty cache, one token a step. Calls `watch.start()`, then `step()` and `token()` for each token
        (`step()` never, where the engine hides its steps), or, with a device-side clock, `device()` once at the end.
        """

    def score(self, tokens: Sequence[int]) -> float:
        """Mean negative log-likelihood, in nats a token, of tokens[1:] given what stands before each."""

    def counters(self) -> Mapping[str, int]:
        """The engine's own account since the last `reset`: prefill_ns, prefill_tokens, decode_ns, decode_steps."""

    def reset(self) -> None:
        """Empty every cache, so that the next `generate` computes its whole prompt."""

    def close(self) -> None:
        """Free the model."""


class Runtime(Protocol):
    """One inference engine, loaded once per worker process."""

    name: str
    formats: tuple[str, ...]
    options: Mapping[str, Option]
    capabilities: Capabilities  # a class without them has the defaults
    recipe: Recipe | None  # how its environment is made; None, as in a class without one: the user gives --python
    failure_signs: Sequence[FailureSign]  # the first that is found counts; a class without them has none

    def load(self, model: ModelFiles, options: Mapping[str, Any]) -> LoadedRuntime:
        """Open the model. Raises `RuntimeUnavailable` or `BadInput` with the way out; `RunFailed` where the engine itself can't:
        that is a result, and is recorded (docs/decisions/0059).
        """


class Converting(Protocol):
    """What a runtime that declares `converts` has beside: a way to its own format from a GGUF."""

    def convert(self, model: Path, folder: Path, progress: Callable[[str, int, int], None]) -> None:
        """Fill the empty `folder` from the GGUF `model`. Runs in the worker. Raises `BadInput` where it can't."""


class Describing(Protocol):
    """What a runtime that declares `describes` has beside."""

    def describe(self) -> EngineFacts:
        """The engine without a model. Runs in a worker of its own, after a run in which the engine failed."""


class Probing(Protocol):
    """What a runtime that declares `probes` has beside: asked once, when an environment was made for another release."""

    def probe(self) -> str:
        """What keeps the engine that is installed beside it from being driven as the adapter does; "" where nothing does.

        Runs in the engine's environment and loads no model. A setting that the engine would ignore is a fault, too.
        """


class Reaching(Protocol):
    """What a runtime that declares `reaches` has beside: its engine is a server that somebody else started."""

    def reach(self, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        """Ask the server whether it is there; in the process of the command, before a model is fetched or a worker started.

        `options` as given; `secrets` has what the variables of secret options hold. Raises `BadInput` where nobody answers.
        """


class Batching(Protocol):
    """What a loaded runtime has beside, if its adapter declares `batches`: several requests at once."""

    def generate_batch(
        self, prompts: Sequence[Sequence[int]], output_tokens: int, watches: Sequence[Watch]
    ) -> list[tuple[list[int], Mapping[str, int]]]:
        """Greedy, all requests handed over at one moment; ids and counters of each, in the order of `prompts`.

        Each watch is started then, and stamps its own request's tokens.
        """


class Remembering(Protocol):
    """What a loaded runtime has beside, if its adapter declares `deepens` or `converses`: tokens in the cache beforehand."""

    def remember(self, ids: Sequence[int]) -> None:
        """Compute `ids` into the empty cache, outside of the clock. The next `generate` continues behind them: its prompt, or
        without one its forced ids, come next, and `counters` gives the tokens taken from the cache as `cached_tokens`.
        Holds for one `generate`, or until `reset`.
        """


class Outliving(Protocol):
    """What a loaded runtime has beside, if its adapter declares `outlives`: its engine's caches outlive worker and run."""

    def fresh(self, prompt: Sequence[int]) -> Sequence[int]:
        """A prompt of the same length that the engine was never given: another at each call."""


class TakingText(Protocol):
    """What a loaded runtime has beside, if its adapter declares `takes_text`: prompts reach its engine as text."""

    def take(self, ids: Sequence[int], text: str) -> Sequence[int] | int:
        """Keep `text` as what is sent for the prompt `ids`. Gives the ids that the engine itself makes of it, a beginning of
        sequence included, or their number where it tells no ids. Runs before anything is timed; caches must be empty after.
        """


def with_defaults(declared: Mapping[str, Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every declared option's value: as given, else its default; None where the engine chooses."""
    return {name: option.default for name, option in declared.items()} | dict(given)
