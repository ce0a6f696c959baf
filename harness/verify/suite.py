"""A record's workloads against the suite that its digest names: the same words must mean the same work. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from harness.catalog import suites
from harness.catalog.suites import Suite
from harness.measure.plural import count
from harness.record.schema import Record, Workload
from harness.verify.token_ids import digest_of

# A text is a handful of tokens or some dozens, whatever the tokenizer; each character is at most this many ids (bytes, and BOS).
MOST_IDS_PER_CHARACTER = 4


def departures(record: Record, suite: Suite) -> list[str]:
    """Each way in which the record departs from its suite, in words; empty where it follows it.

    Left out may be what an engine can't do: decoding given ids, several requests at once, a depth. The headline never.
    """
    return [*head(record, suite), *_workloads(record, suite)]


def head(record: Record, suite: Suite) -> Iterator[str]:
    """In what the record says of the suite itself."""
    told = record.suite
    for name in ("name", "version", "headline", "warmup_trials", "timed_trials"):
        if getattr(told, name) != getattr(suite, name):
            yield f"its suite's {name} is {getattr(told, name)!r}, the suite says {getattr(suite, name)!r}"


def _workloads(record: Record, suite: Suite) -> Iterator[str]:
    told = {workload.id: workload for workload in record.workloads}
    order = [workload.id for workload in suite.workloads]
    if len(told) != len(record.workloads) or not set(told) <= set(order):
        yield "it names workloads that its suite does not have, or one twice"
        return
    if [name for name in order if name in told] != [workload.id for workload in record.workloads]:
        yield "its workloads stand in another order than the suite's"
    for workload in suite.workloads:
        found = told.get(workload.id)
        if found is None:
            if not _may_be_left_out(workload):
                yield f"it lacks the workload {workload.id}"
            continue
        yield from (f"{workload.id}: {text}" for text in _differences(found, workload, record, suite))


def _may_be_left_out(workload: suites.Workload) -> bool:
    forced = workload.mode == "forced" and (workload.output_tokens > 0 or workload.depth is not None)
    return forced or (workload.concurrency or 1) > 1


def _differences(told: Workload, own: suites.Workload, record: Record, suite: Suite) -> Iterator[str]:
    if told.mode != own.mode:
        yield f"{told.mode}, the suite says {own.mode}"
    if told.output_tokens != own.output_tokens:
        yield f"{told.output_tokens} output tokens, the suite says {own.output_tokens}"
    # An engine that takes one request at a time runs a workload of one at a time without saying so.
    if told.concurrency != own.concurrency and not (told.concurrency is None and own.concurrency == 1):
        yield f"{count(told.concurrency or 1, 'request')} at once, the suite says {own.concurrency or 1}"
    if own.text is not None:
        if not 1 <= told.prompt_tokens <= MOST_IDS_PER_CHARACTER * len(own.text):
            yield f"{told.prompt_tokens} prompt tokens can't be the suite's text of {len(own.text)} characters"
    elif (told.prompt_tokens, told.depth) not in _lengths(own):
        said = [f"{prompt} prompt tokens behind {depth or 0}" for prompt, depth in _lengths(own)]
        yield f"{told.prompt_tokens} prompt tokens behind {told.depth or 0}, the suite says {' or '.join(said)}"
    text = suites.challenged_text_sha256(suite, own, record.run.challenge)
    if told.text_sha256 != text and not (told.text_sha256 is None and _before_texts(record)):
        yield "its prompt's text is not what its challenge draws"
    ids = suites.forced_ids(suite, own, record.runtime.vocab_size, record.run.challenge or "")
    if (told.forced_sha256 is None) != (ids is None) or (ids is not None and told.forced_sha256 != digest_of(ids)):
        yield "its forced ids are not the suite's"


def _before_texts(record: Record) -> bool:
    """Whether its version drew no texts from a challenge yet."""
    return record.schema_version in ("1.0", "1.1", "1.2", "1.3", "1.4")


def _lengths(own: suites.Workload) -> list[tuple[int, int | None]]:
    """Tokens of the prompt and of the cache before it. Without a prefix cache a turn's prompt is the whole conversation."""
    prompt = own.prompt_tokens or 0
    whole: list[tuple[int, int | None]] = [(prompt + (own.depth or 0), None)] if own.is_turn else []
    return [(prompt, own.depth), *whole]
