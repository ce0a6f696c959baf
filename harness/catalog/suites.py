"""Suites of workloads: one TOML file each, validated, named by the digest of its bytes."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from harness.catalog import toml_file
from harness.catalog.toml_file import Part
from harness.errors import BadInput
from harness.paths import configs

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9@.-]{0,40}$")]


class Workload(Part):
    """One prompt and what to make of it. `text`, or `prompt_tokens` synthetic ones from `seed`, or no prompt (forced)."""

    id: Identifier
    title: str
    mode: Literal["greedy", "forced"]
    output_tokens: int = Field(ge=0, le=1_000_000)
    text: str | None = None
    prompt_tokens: int | None = Field(default=None, ge=2, le=10_000_000)
    seed: int = Field(default=0, ge=0)
    concurrency: int | None = Field(default=None, ge=1, le=1024)  # that many requests at once, and their throughput
    # Tokens that are in the cache when the clock starts: forced, as llama-bench's -d; greedy, the conversation so far.
    depth: int | None = Field(default=None, ge=1, le=10_000_000)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.text is not None and self.prompt_tokens is not None:
            raise ValueError(f"{self.id}: give text or prompt_tokens, not both")
        if self.mode == "greedy" and self.output_tokens < 1:
            raise ValueError(f"{self.id}: output_tokens is {self.output_tokens}; a greedy workload makes 1 or more")
        if self.mode == "greedy" and self.text is None and self.prompt_tokens is None:
            raise ValueError(f"{self.id}: a greedy workload needs text or prompt_tokens")
        if self.mode == "forced" and self.text is None and self.prompt_tokens is None and self.output_tokens < 1:
            raise ValueError(f"{self.id}: neither prompt nor output tokens: nothing to run")
        if self.concurrency is not None and self.mode != "greedy":
            raise ValueError(f"{self.id}: concurrent requests are greedy")
        if self.depth is not None and (self.concurrency is not None or self.text is not None):
            raise ValueError(f"{self.id}: behind a depth comes one request, with prompt_tokens or without a prompt")
        return self

    @property
    def has_prompt(self) -> bool:
        """Whether a prefill is part of it."""
        return self.text is not None or self.prompt_tokens is not None

    @property
    def is_turn(self) -> bool:
        """Whether it is a later turn of a conversation: its text begins with what is in the cache by then."""
        return self.mode == "greedy" and self.depth is not None


class Suite(Part):
    """A pinned set of workloads and how often each is run."""

    name: Identifier
    version: int = Field(ge=1)
    title: str
    headline: Identifier = Field(description="the workload whose decode rate is the number of the run")
    cache_check: Identifier = Field(description="the workload that is also run with prompts never seen before")
    seed: int = Field(ge=0)
    warmup_trials: int = Field(ge=2, le=10)
    timed_trials: int = Field(ge=1, le=1000)
    budget_s: int = Field(ge=1)
    probe: str = Field(min_length=100, description="text whose likelihood shows that the named weights were loaded")
    words: tuple[str, ...] = Field(min_length=50, description="what synthetic prompts are made of")
    workloads: tuple[Workload, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, data: object) -> object:
        # TOML has arrays, the model has tuples; everything else stays strict.
        if isinstance(data, dict):
            return {k: tuple(v) if k in ("words", "workloads") and isinstance(v, list) else v for k, v in data.items()}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ids = [workload.id for workload in self.workloads]
        if len(set(ids)) != len(ids):
            raise ValueError("two workloads have one id")
        found = {workload.id: workload for workload in self.workloads}
        if self.headline not in found or found[self.headline].output_tokens < 2:
            raise ValueError(f"headline {self.headline!r} must be a workload with 2 or more output tokens")
        if found[self.headline].concurrency is not None:
            raise ValueError(f"headline {self.headline!r} must be a workload of one request at a time")
        if found[self.headline].depth is not None and not found[self.headline].is_turn:
            raise ValueError(f"headline {self.headline!r} must be a workload that no engine leaves out")
        if self.cache_check not in found or found[self.cache_check].prompt_tokens is None:
            raise ValueError(f"cache_check {self.cache_check!r} must be a workload with a synthetic prompt")
        if found[self.cache_check].depth is not None:
            raise ValueError(f"cache_check {self.cache_check!r} must be a workload from an empty cache")
        return self

    def workload(self, identifier: str) -> Workload:
        """By id."""
        return next(w for w in self.workloads if w.id == identifier)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A suite and the digest of its file."""

    suite: Suite
    sha256: str
    path: Path

    @property
    def label(self) -> str:
        """`quick-v1`."""
        return f"{self.suite.name}-v{self.suite.version}"


def names() -> list[str]:
    """Every suite with its version: `default-v1`."""
    return sorted(path.stem for path in (configs() / "suites").glob("*.toml"))


def load(name: str) -> Loaded:
    """A suite by `name`, `name-vN`, or the path of a TOML file; without a version the newest. Raises `BadInput`."""
    if name.endswith(".toml") or "/" in name:
        return read(Path(name))
    known = names()
    if name not in known:
        versions = [n for n in known if re.fullmatch(re.escape(name) + r"-v(\d+)", n)]
        if not versions:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or known
            raise BadInput(f"no suite is called {name!r}", where="--suite", fix=f"did you mean {' or '.join(near)}?")
        name = max(versions, key=lambda n: int(n.rpartition("-v")[2]))
    return read(configs() / "suites" / f"{name}.toml")


def read(path: Path) -> Loaded:
    """The suite in a file. Raises `BadInput` with file, place and reason."""
    suite, digest = toml_file.read(path, Suite, "docs/suites.md")
    return Loaded(suite, digest, path)


def synthetic(words: tuple[str, ...], seed: int, count: int, challenge: str = "") -> str:
    """`count` words; word i by sha256 of seed and i, so that no library's random numbers can change a suite."""
    picked = _drawn(str(seed), count, len(words), challenge)
    return " ".join(words[index] for index in picked)


def prompt_text(suite: Suite, workload: Workload, variation: int = 0, challenge: str = "") -> str | None:
    """The text to tokenise: at least as many tokens as the prompt needs. `variation` > 0: another text of the same kind.

    A registry's challenge enters the seed of what is drawn: the text can't have been known before. A given text stays.
    """
    if workload.prompt_tokens is None:
        return workload.text
    seed = suite.seed + workload.seed + 1_000_003 * variation
    return synthetic(suite.words, seed, text_tokens(workload) or 0, challenge)


def challenged_text_sha256(suite: Suite, workload: Workload, challenge: str | None) -> str | None:
    """Digest of the text that the challenge drew for the workload's prompt; None where it draws none."""
    if not challenge or workload.prompt_tokens is None:
        return None
    return sha256((prompt_text(suite, workload, challenge=challenge) or "").encode()).hexdigest()


def text_tokens(workload: Workload) -> int | None:
    """Ids that its synthetic text is cut to: of a turn the whole conversation. None: all of a given text, or no text."""
    if workload.prompt_tokens is None:
        return None
    return workload.prompt_tokens + ((workload.depth or 0) if workload.is_turn else 0)


def forced_ids(suite: Suite, workload: Workload, vocabulary: int, challenge: str = "") -> tuple[int, ...] | None:
    """The ids that a forced workload feeds: seeded draws from the whole vocabulary, as llama-bench does.

    A registry's challenge enters the seed: what was measured before it was issued fed other ids.
    """
    if workload.mode != "forced":
        return None
    return _drawn(f"forced:{suite.seed + workload.seed}", workload.output_tokens, vocabulary, challenge)


def depth_ids(suite: Suite, workload: Workload, vocabulary: int, challenge: str = "") -> tuple[int, ...]:
    """The ids that a forced workload finds in the cache: drawn as `forced_ids`, the shallower the beginning of the deeper."""
    return _drawn(f"depth:{suite.seed}", workload.depth or 0, vocabulary, challenge)


def _drawn(name: str, count: int, vocabulary: int, challenge: str) -> tuple[int, ...]:
    return tuple(
        int.from_bytes(sha256(f"{name}:{i}{challenge and ':'}{challenge}".encode()).digest()[:4], "big") % vocabulary
        for i in range(count)
    )


def challenge_seed(challenge: str) -> int:
    """The seed of a run's order of trials that a registry's challenge makes."""
    return int.from_bytes(sha256(f"challenge:{challenge}".encode()).digest()[:4], "big")


@lru_cache(maxsize=64)
def by_digest(digest: str) -> Suite | None:
    """The suite of our own with that digest; None where there is none."""
    return next((found.suite for name in names() if (found := load(name)).sha256 == digest), None)
