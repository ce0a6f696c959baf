"""Prompts as ids: made once for a model and a suite by a worker, which has the tokenizer, then kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.errors import BadInput
from harness.files import read_limited, write_text

_CACHE_LIMIT = 64 << 20


@dataclass(frozen=True, slots=True)
class Texts:
    """What a suite needs tokenised: key → text, and how many ids to keep (None: all)."""

    texts: Mapping[str, str]
    lengths: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Tokenised:
    """What a worker made of the texts."""

    ids: Mapping[str, list[int]]
    vocabulary: int


def there(cache: Path, key: str, wanted: Texts) -> bool:
    """Whether the ids were made before."""
    found = _read(cache / "tokens" / f"{key}.json")
    return found is not None and set(found.ids) == set(wanted.texts)


def tokens(
    cache: Path, key: str, wanted: Texts, tokenise: Callable[[Mapping[str, str]], Tokenised]
) -> tuple[dict[str, tuple[int, ...]], int]:
    """The ids of every text, cut to length, and the size of the vocabulary.

    `key` names tokenizer and suite; `tokenise` runs a worker when the cache has none. Raises `BadInput`
    where a text gives fewer ids than were asked for.
    """
    path = cache / "tokens" / f"{key}.json"
    found = _read(path)
    if found is None or set(found.ids) != set(wanted.texts):
        found = tokenise(wanted.texts)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(asdict(found), separators=(",", ":")))
    cut = {}
    for name, ids in found.ids.items():
        length = wanted.lengths[name]
        if length is not None and len(ids) < length:
            raise BadInput(
                f"its text gives {len(ids)} tokens, not {length}", where=name, fix="give the suite more words"
            )
        cut[name] = tuple(ids if length is None else ids[:length])
    return cut, found.vocabulary


def _read(path: Path) -> Tokenised | None:
    try:
        data = json.loads(read_limited(path, _CACHE_LIMIT, "the cached ids"))
        ids = {str(name): [int(token) for token in some] for name, some in data["ids"].items()}
        return Tokenised(ids, int(data["vocabulary"]))
    except (BadInput, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
