"""Prompts as ids: made once for a model and a suite by a worker, which has the tokenizer, then kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from harness.errors import BadInput, RunFailed
from harness.files import read_limited, write_text
from harness.worker.frames import Frame
from harness.worker.plan import Prompt

_CACHE_LIMIT = 64 << 20


@dataclass(frozen=True, slots=True)
class Texts:
    """What a suite needs tokenised: key → text, and how many ids to keep (None: all)."""

    texts: Mapping[str, str]
    lengths: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Tokenised:
    """What a worker made of the texts; `texts`: of the reference tokenizer, the beginning of each that has just the ids that are
    kept of it, None where none has.
    """

    ids: Mapping[str, list[int]]
    vocabulary: int
    texts: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prompts:
    """The ids of every text, cut to length, the size of the vocabulary, and the texts that have just these ids.

    `reference` is what an engine's own ids must equal; empty where nothing is held against it. `unchecked`: the ids are the
    engine's own, and nobody knows the reference's.
    """

    ids: Mapping[str, tuple[int, ...]]
    vocabulary: int
    texts: Mapping[str, str | None]
    reference: Mapping[str, Prompt] = field(default_factory=dict)
    unchecked: bool = False


def there(cache: Path, key: str, wanted: Texts) -> bool:
    """Whether the ids were made before, by the reference tokenizer."""
    found = _read(cache / "tokens" / f"{key}.json")
    return found is not None and set(found.ids) == set(found.texts) == set(wanted.texts)


def made(
    cache: Path,
    key: str,
    wanted: Texts,
    tokenise: Callable[[Mapping[str, str]], Tokenised],
    *,
    with_texts: bool = False,
) -> Tokenised:
    """What the cache has under `key`, which names tokenizer and texts; else what `tokenise` makes, by a worker."""
    path = cache / "tokens" / f"{key}.json"
    found = _read(path)
    whole = found is not None and set(found.ids) == set(wanted.texts)
    if found is None or not whole or (with_texts and set(found.texts) != set(wanted.texts)):
        found = tokenise(wanted.texts)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(asdict(found), separators=(",", ":")))
    return found


def prompts(made: Tokenised, wanted: Texts) -> Prompts:
    """Cut to length. Raises `BadInput` where a text gives fewer ids than were asked for."""
    cut = {}
    for name, ids in made.ids.items():
        length = wanted.lengths[name]
        if length is not None and len(ids) < length:
            raise BadInput(
                f"its text gives {len(ids)} tokens, not {length}", where=name, fix="give the suite more words"
            )
        cut[name] = tuple(ids if length is None else ids[:length])
    return Prompts(cut, made.vocabulary, made.texts)


def gated(found: Prompts) -> Prompts:
    """With each text and its ids for the engine to be held against."""
    pairs = {name: Prompt(text, found.ids[name]) for name, text in found.texts.items() if text is not None}
    return replace(found, reference=pairs)


def told(frames: Mapping[str, Frame]) -> Tokenised:
    """From the frames of a worker that tokenised. Raises `RunFailed` where it told nothing."""
    if not frames.keys() >= {"loaded", "tokens"} or not frames["tokens"].header["ids"]:
        raise RunFailed("the worker gave no token ids", where="tokenising")
    header = frames["tokens"].header
    return Tokenised(header["ids"], frames["loaded"].header["facts"]["vocab_size"], header.get("texts", {}))


def _read(path: Path) -> Tokenised | None:
    try:
        data = json.loads(read_limited(path, _CACHE_LIMIT, "the cached ids"))
        ids = {str(name): [int(token) for token in some] for name, some in data["ids"].items()}
        texts = {str(name): None if text is None else str(text) for name, text in data.get("texts", {}).items()}
        return Tokenised(ids, int(data["vocabulary"]), texts)
    except (BadInput, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
