"""What any adapter must hold, tried on a real model in the adapter's own environment. `repro runtime check` reads it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, cast

import numpy as np

from harness.errors import ReproError, RuntimeUnavailable
from harness.measure.counters import Account
from harness.measure.plural import count
from harness.measure.stopwatch import Stopwatch
from harness.worker import tokenizer_gate
from harness.worker.counters import current_rss_bytes
from harness.worker.plan import Prompt
from runtimes.interface import Batching, LoadedRuntime, ModelFiles, Remembering, Runtime, RuntimeFacts
from runtimes.support import shape
from runtimes.table import claims_ours

TEXT = "The harbour is quiet in the morning, and the boats come home one after the other."
# What tokenizers differ in: cases, digits, blanks, punctuation, letters beyond ASCII.
HARD = "Gr\u00f6\u00dfe 1234567, na\u00efve \u6771\u4eac:  two  blanks\n\tif (x<=3.14) { don't; }\n\nTHE END"
SHORT, LONG = 4, 12  # output tokens of the trials
SMALL = 64 << 20  # a model below this drowns in what an engine keeps for itself
Outcome = tuple[str, str]  # pass, fail or unknown, and what was seen
Report = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tried: the adapter, its loaded model, and a prompt in its own ids."""

    adapter: Runtime
    loaded: LoadedRuntime
    options: Mapping[str, Any]
    prompt: tuple[int, ...]
    reference: Sequence[Prompt] = ()  # of TEXT, and of HARD; none: nobody is there to ask

    def trial(
        self, count: int, *, prompt: Sequence[int] | None = None, forced: Sequence[int] | None = None
    ) -> tuple[list[int], Stopwatch, Mapping[str, int]]:
        """One generation as a worker would do it: ids, watch and counters."""
        watch = Stopwatch(max(count, 1))
        self.loaded.reset()
        given = self.prompt if prompt is None else prompt
        ids = self.loaded.generate(given, count, watch, forced=forced)
        counters = self.loaded.counters()
        _refuse("generate", shape.ids_fault(ids))
        _refuse("counters", shape.counters_fault(counters))
        return list(ids), watch, dict(counters)

    def ids(self, text: str, *, add_bos: bool) -> list[int]:
        """The adapter's own tokens of `text`."""
        found = self.loaded.tokenize(text, add_bos=add_bos)
        _refuse("tokenize", shape.ids_fault(found))
        return list(found)


class _WrongType(Exception):
    """The adapter gave something that is not of the interface; the argument says what."""


def _refuse(method: str, fault: str) -> None:
    if fault:
        raise _WrongType(f"{method} {fault}")


def run(
    adapter: Runtime, model: ModelFiles, options: Mapping[str, Any], report: Report, reference: Sequence[Prompt] = ()
) -> None:
    """Try everything; each result goes to `report` at once. Raises `RuntimeUnavailable` where nothing can be tried."""
    report("errors_clear", *_errors_clear(adapter, model, options))
    before = current_rss_bytes()
    loaded = load(adapter, model, options)
    try:
        subject = Subject(adapter, loaded, options, (), reference)
        gate = _tried(_tokenizes_as_reference, subject)
        report("tokenizes_as_reference", *gate)
        if gate[0] == "fail":  # whatever it is given is not what is asked for: there is nothing to try
            return
        try:
            subject = replace(subject, prompt=_prompt(subject))
        except Exception as error:  # without a prompt there is nothing to try
            report("tokenizes", "fail", _text(error))
            return
        for check in CHECKS:
            report(check.__name__.removeprefix("_"), *_tried(check, subject))
        held = current_rss_bytes()
    finally:
        ended = _tried(_closes, subject)
    report("close_frees_memory", *(_freed(before, held, loaded.facts) if ended[0] == "pass" else ended))


def load(adapter: Runtime, model: ModelFiles, options: Mapping[str, Any]) -> LoadedRuntime:
    """The loaded model. Raises the adapter's own `ReproError`, and `RuntimeUnavailable` for whatever it does wrong."""
    try:
        loaded = adapter.load(model, options)
    except (ReproError, MemoryError):
        raise
    except Exception as error:
        text = f"load raises {type(error).__name__}: {error}"
        raise RuntimeUnavailable(text, where=adapter.name, fix="it must raise one of harness.errors") from error
    fault = shape.loaded_fault(loaded, adapter.capabilities) or claims_ours(adapter.name, loaded.facts.engine)
    if fault:
        raise RuntimeUnavailable(fault, where=adapter.name, fix="see LoadedRuntime in runtimes/interface.py")
    return loaded


def _prompt(subject: Subject) -> tuple[int, ...]:
    if subject.adapter.capabilities.takes_text and subject.reference:
        return subject.reference[0].ids
    return tuple(subject.ids(TEXT, add_bos=subject.loaded.facts.add_bos))


def _tokenizes_as_reference(subject: Subject) -> Outcome:
    can = subject.adapter.capabilities
    if not tokenizer_gate.asks(subject.adapter.name, can):
        return "unknown", "it is given ids, and its own are nobody else's"
    if not subject.reference:
        return (
            "unknown",
            "it is a simulation" if can.synthetic else "its own ids are the reference, or nobody knows them",
        )
    for prompt in subject.reference:
        found = tokenizer_gate.differs(subject.loaded, can, prompt)
        if found is None:
            return "unknown", "it turns no text into ids; it counts the prompts that it is given"
        if found:
            return "fail", found
    return (
        "pass",
        f"{sum(len(prompt.ids) for prompt in subject.reference)} ids of {count(len(subject.reference), 'text')}",
    )


def _closes(subject: Subject) -> Outcome:
    subject.loaded.close()
    return "pass", "closed"


def _text(error: Exception) -> str:
    return str(error) if isinstance(error, _WrongType) else f"{type(error).__name__}: {error}"


def _tried(check: Callable[[Subject], Outcome], subject: Subject) -> Outcome:
    try:
        return check(subject)
    except Exception as error:  # an adapter's fault is what is looked for
        return "fail", _text(error)


def _errors_clear(adapter: Runtime, model: ModelFiles, options: Mapping[str, Any]) -> Outcome:
    missing = model.path.with_name(f"no-such-{model.path.name}")
    try:
        adapter.load(ModelFiles(missing, model.format), options).close()
    except ReproError as error:
        return ("pass", f"a missing model: {error.what}") if error.fix else ("fail", "its error names no way out")
    except Exception as error:
        return "fail", f"a missing model raises {type(error).__name__}, not one of harness.errors"
    if adapter.capabilities.synthetic:
        return "unknown", "it reads no model, and says that it is synthetic"
    return "fail", "a missing model loads"


def _facts_complete(subject: Subject) -> Outcome:
    facts = subject.loaded.facts
    optional = ("bos_id", "device_ids", "device_places", "served", "computed_on")
    empty = [
        f.name for f in fields(RuntimeFacts) if getattr(facts, f.name) in ("", None, ()) and f.name not in optional
    ]
    if empty:
        return "fail", f"empty: {', '.join(empty)}"
    values = [*facts.settings.values(), *facts.build.values(), *facts.model.values()]
    strange = [value for value in values if not isinstance(value, str | int | bool | None)]
    if strange:
        return (
            "fail",
            f"a fact is a {type(strange[0]).__name__}; text, whole numbers, booleans and None can be recorded",
        )
    untold = facts.context_tokens == 0 and not subject.adapter.capabilities.holds_model
    if facts.vocab_size < 2 or (facts.context_tokens < len(subject.prompt) + LONG and not untold):
        return "fail", f"vocabulary {facts.vocab_size}, context {facts.context_tokens}"
    return "pass", f"{facts.engine} {facts.version}, {len(facts.settings)} settings, clock: {facts.clock}"


def _tokenizes(subject: Subject) -> Outcome:
    can = subject.adapter.capabilities
    if can.takes_text and not can.tokenises:
        return "unknown", "it tells no ids, and says so"
    facts, plain = subject.loaded.facts, subject.ids(TEXT, add_bos=False)
    if not plain or not all(0 <= token < facts.vocab_size for token in plain):
        return "fail", "ids outside of the vocabulary, or none"
    led = subject.ids(TEXT, add_bos=True)
    if facts.bos_id is not None and led != [facts.bos_id, *plain]:
        return "fail", "add_bos puts something else in front than the beginning-of-sequence token"
    return "pass", f"{len(plain)} ids"


def _exact_count(subject: Subject) -> Outcome:
    for asked in (1, SHORT, LONG):
        ids, watch, counters = subject.trial(asked)
        stamps = watch.token_ns().size
        # A server may count its tokens without telling them.
        made = len(ids) or counters.get(Account.COMPLETION_TOKENS, 0)
        if made != asked or stamps != asked:
            return "fail", f"{asked} tokens asked for, {made} made, {stamps} stamped"
        if not all(0 <= token < subject.loaded.facts.vocab_size for token in ids):
            return "fail", "an id outside of the vocabulary"
    return "pass", f"1, {SHORT} and {LONG} tokens, each stamped"


def _prefill_alone(subject: Subject) -> Outcome:
    ids, watch, _ = subject.trial(0)
    if ids or watch.token_ns().size != 1:
        return "fail", f"{len(ids)} tokens and {watch.token_ns().size} stamps for a prefill alone"
    return "pass", "no token, one stamp"


def _deterministic(subject: Subject) -> Outcome:
    outputs = {tuple(subject.trial(LONG)[0]) for _ in range(3)}
    if outputs == {()}:
        return "unknown", "the engine does not tell its ids"
    return ("pass", "three trials, one output") if len(outputs) == 1 else ("fail", f"{len(outputs)} different outputs")


def _first_token_is_first_output(subject: Subject) -> Outcome:
    one, several = subject.trial(1)[0], subject.trial(SHORT)[0]
    if not one or not several:
        return "unknown", "the engine does not tell its ids"
    return ("pass", f"id {one[0]}") if one[0] == several[0] else ("fail", f"{one[0]} alone, {several[0]} as the first")


def _stamps_monotonic(subject: Subject) -> Outcome:
    _, watch, counters = subject.trial(LONG)
    stamps = watch.token_ns()
    together = counters.get(Account.ACCEPTED_TOKENS, 0)  # of a draft, they came with the token before them
    if stamps[0] <= 0 or np.count_nonzero(np.diff(stamps) <= 0) > together or (np.diff(stamps) < 0).any():
        return "fail", f"stamps {stamps.tolist()[:4]}… do not rise"
    steps = watch.step_ns()
    if steps.size and (steps <= 0).any():
        return "fail", "a step without length"
    return "pass", "stamps rise" + (", steps stamped apart" if steps.size else ", steps hidden by the engine")


def _caches_cleared(subject: Subject) -> Outcome:
    subject.trial(1)
    _, _, counters = subject.trial(1)
    computed = counters.get(Account.PREFILL_TOKENS)
    if computed is None:
        return "unknown", "the engine does not count the prompt tokens that it computed"
    if computed != len(subject.prompt):
        return "fail", f"a repeated prompt: {computed} of {len(subject.prompt)} tokens computed"
    return "pass", f"a repeated prompt is computed whole, {computed} tokens"


def _forced(subject: Subject) -> Outcome:
    if not subject.adapter.capabilities.forces:
        return "unknown", "this runtime chooses its own tokens, and says so"
    free = subject.trial(SHORT)[0]
    if subject.trial(SHORT, forced=free)[0] != free:
        return "fail", "fed its own choice it gives another"
    other = [(token + 1) % subject.loaded.facts.vocab_size for token in free]
    if subject.trial(SHORT, forced=other)[0] != other:
        return "fail", "the ids given are not the ids returned"
    ids, watch, _ = subject.trial(SHORT, prompt=(), forced=other)
    if ids != other or watch.token_ns().size != SHORT:
        return "fail", "decode from an empty cache: wrong ids or stamps"
    return "pass", "after a prompt, and from an empty cache"


def _batched(subject: Subject) -> Outcome:
    if not subject.adapter.capabilities.batches:
        return "unknown", "this runtime takes one request at a time, and says so"
    loaded = cast(Batching, subject.loaded)
    prompts = [subject.prompt, subject.prompt[: len(subject.prompt) // 2 + 1]]
    watches = [Stopwatch(SHORT) for _ in prompts]
    subject.loaded.reset()
    made = loaded.generate_batch(prompts, SHORT, watches)
    if len(made) != len(prompts):
        return "fail", f"{len(prompts)} requests, {len(made)} answers"
    for (ids, counters), watch, prompt in zip(made, watches, prompts, strict=True):
        _refuse("generate_batch", shape.ids_fault(ids) or shape.counters_fault(counters))
        if len(ids) != SHORT or watch.token_ns().size != SHORT or (np.diff(watch.token_ns()) < 0).any():
            return "fail", f"{SHORT} tokens asked for, {len(ids)} made, {watch.token_ns().size} stamped"
        if counters.get(Account.PREFILL_TOKENS, len(prompt)) != len(prompt):
            return "fail", f"{counters[Account.PREFILL_TOKENS]} of {len(prompt)} prompt tokens computed"
        alone = subject.trial(1, prompt=prompt)[0]
        if alone != ids[:1]:
            return "fail", f"a request beside another begins with {ids[0]}, alone with {alone[0]}"
    return "pass", "two requests of unlike length: exact counts, each stamped, and begun as alone"


def _remembered(subject: Subject) -> Outcome:
    able = subject.adapter.capabilities
    if not (able.deepens or able.converses):
        return "unknown", "this runtime begins every prompt from an empty cache, and says so"
    if not able.deepens:
        return "unknown", "what its prefix cache keeps is seen where it is on: in a conversation"
    whole, half = subject.prompt, len(subject.prompt) // 2
    free = subject.trial(SHORT)[0]
    watch = Stopwatch(SHORT)
    for attempt in ("", " the second time"):
        subject.loaded.reset()
        cast(Remembering, subject.loaded).remember(whole[:half])
        ids = subject.loaded.generate(whole[half:], SHORT, watch)
        counters = subject.loaded.counters()
        if ids[:1] != free[:1] or len(ids) != SHORT:
            return (
                "fail",
                f"behind {half} tokens in the cache comes {ids[:1]}{attempt}, and {free[:1]} where all are computed",
            )
        computed = (counters.get(Account.PREFILL_TOKENS), counters.get(Account.CACHED_TOKENS))
        if computed != (len(whole) - half, half):
            return (
                "fail",
                f"{computed[0]} tokens computed and {computed[1]} cached{attempt}, of {len(whole) - half} and {half}",
            )
    if subject.trial(SHORT)[0] != free:
        return "fail", "after a reset something is still in the cache"
    return "pass", f"{half} tokens in the cache, {len(whole) - half} computed"


def _scores(subject: Subject) -> Outcome:
    if not subject.adapter.capabilities.scores:
        return "unknown", "the engine gives no likelihoods, and says so"
    first, second = subject.loaded.score(subject.prompt), subject.loaded.score(subject.prompt)
    if not math.isfinite(first) or first <= 0:
        return "fail", f"a likelihood of {first}"
    if abs(first - second) > 1e-6 * first:
        return "fail", f"{first} and then {second}"
    again = subject.trial(SHORT)[0]
    return ("pass", f"{first:.4f} nats a token") if len(again) == SHORT else ("fail", "no generation after a score")


def _context_kept(subject: Subject) -> Outcome:
    context = subject.loaded.facts.context_tokens
    if not context:
        return "unknown", "the server does not tell its context"
    prompt = (list(subject.prompt) * (context // len(subject.prompt) + 1))[:context]
    try:
        subject.trial(SHORT, prompt=prompt)
    except ReproError as error:
        text = f"one token too many: {error.what}"
        subject.trial(1)  # and it recovers
        return "pass", text
    return "fail", f"{context + SHORT} tokens went into a context of {context}"


def _freed(before: int, held: int, facts: RuntimeFacts) -> Outcome:
    size, after = facts.model.get("size_bytes"), current_rss_bytes()
    if not before or not isinstance(size, int) or size < SMALL:
        return "unknown", "the model is too small, or the system does not tell"
    kept = max(after - before, 0)
    text = f"{(held - before) >> 20} MiB with the model, {kept >> 20} MiB after close"
    return ("pass" if kept < (held - before) - size // 2 else "fail"), text


CHECKS: Sequence[Callable[[Subject], Outcome]] = (
    _facts_complete,
    _tokenizes,
    _exact_count,
    _prefill_alone,
    _deterministic,
    _first_token_is_first_output,
    _stamps_monotonic,
    _caches_cleared,
    _forced,
    _batched,
    _remembered,
    _scores,
    _context_kept,
)
