"""An adapter of a third party: the next token is the sum of all before it. It imports the interface and the errors only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import BadInput
from runtimes.interface import Device, ModelFiles, Option, RuntimeFacts, Watch

VOCABULARY = 256


class Counting:
    """The adapter."""

    name = "counting"
    formats = ("gguf",)
    options: Mapping[str, Option] = {
        "threads": Option("accepted and recorded", int, minimum=1),
        "context": Option("how many tokens it remembers", int, minimum=8),
        "forgetful": Option("forget to empty the memory between trials, as a bad adapter would", bool, False),
    }

    def load(self, model: ModelFiles, options: Mapping[str, Any]) -> LoadedCounting:
        """Nothing is read, but the file must be there."""
        if not model.path.exists():
            raise BadInput("there is no such file", where=str(model.path), fix="check the path")
        return LoadedCounting(options)


class LoadedCounting:
    """Remembers the sum of the tokens."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._context, self._forgetful = int(options["context"]), bool(options.get("forgetful"))
        self._sum = self._fed = 0
        self.facts = RuntimeFacts(
            engine="counting",
            version="1.0",
            package="counting-runtime 1.0",
            commit="none",
            build={},
            settings=dict(options),
            devices=(Device("CPU", "cpu", "counts"),),
            vocab_size=VOCABULARY,
            context_tokens=self._context,
            bos_id=1,
            add_bos=True,
            clock="host, at once",
        )

    def tokenize(self, text: str, *, add_bos: bool) -> list[int]:
        """A token a byte."""
        return [1, *text.encode()] if add_bos else list(text.encode())

    def generate(
        self, prompt: Sequence[int], output_tokens: int, watch: Watch, *, forced: Sequence[int] | None = None
    ) -> list[int]:
        """Counts."""
        if len(prompt) + output_tokens > self._context:
            raise BadInput("the memory is full", where="-o context", fix="make it larger")
        made: list[int] = []
        watch.start()
        if prompt:
            self._sum += sum(prompt)
            self._fed = len(prompt)
            watch.step()
            if output_tokens:
                made.append(self._sum % VOCABULARY if forced is None else forced[0])
            watch.token()
        for index in range(len(made), output_tokens):
            self._sum += made[-1] if prompt else forced[index]  # type: ignore[index]
            watch.step()
            made.append(self._sum % VOCABULARY if forced is None else forced[index])
            watch.token()
        return made

    def score(self, tokens: Sequence[int]) -> float:
        """As likely as any."""
        return 5.545

    def counters(self) -> Mapping[str, int]:
        """What was fed."""
        return {"prefill_tokens": self._fed}

    def reset(self) -> None:
        """Forget, unless told not to."""
        self._fed = 0
        if not self._forgetful:
            self._sum = 0

    def close(self) -> None:
        """Nothing to free."""
