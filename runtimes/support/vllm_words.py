"""What vLLM has against its input, in our errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import BadInput, NotEnoughSpace, RunFailed
from runtimes.support import failure_signs

NO_MEMORY = ("out of memory", "available kv cache memory", "no available memory for the cache blocks")
_VALIDATION = re.compile(r"^\d+ validation errors? for [^\n]*\n(?:\s*Value error,)?\s*(.*?)\s*\[type=", re.DOTALL)


def _said(text: str) -> str:
    """An engine's own words, without what pydantic puts around them: a count of errors, the class, and the input."""
    found = _VALIDATION.search(text)
    return text if found is None else " ".join(found[1].split())


@contextmanager
def told(loading: bool = False) -> Iterator[None]:
    """What the engine has against the input, in one line; a fault of the engine itself stays what it is."""
    try:
        yield
    except (ValueError, RuntimeError, OSError, NotImplementedError) as error:
        text = _said(str(error))
        if type(error).__name__ == "OutOfMemoryError" or any(words in text.lower() for words in NO_MEMORY):
            raise NotEnoughSpace(
                f"vLLM found too little memory ({text})",
                where="vllm",
                fix="take a smaller model or a shorter suite, or raise -o kv_space_mib or -o gpu_memory_percent",
                code="no device memory",
            ) from error
        if not loading:
            raise
        raise (RunFailed if failure_signs.shows(failure_signs.VLLM, text) else BadInput)(
            f"vLLM refuses it ({text})", where="vllm", fix="check the model's architecture and the options against it"
        ) from error
