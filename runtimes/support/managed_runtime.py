"""A model in a server of our own: what openai-http measures, and a server that is started before it and stopped after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.errors import ReproError
from runtimes.interface import LoadedRuntime, ModelFiles, RuntimeFacts, Watch
from runtimes.openai_http import OpenAIHTTP
from runtimes.support.managed_server import ManagedServer


class ManagedRuntime:
    """`facts_of` makes the facts of this server from those that any server has. Stops the server where it can't be measured.

    `first`: the ids that begin a text where that is asked for; None: the server puts them there itself.
    """

    def __init__(
        self,
        server: ManagedServer,
        model: ModelFiles,
        options: Mapping[str, Any],
        facts_of: Callable[[RuntimeFacts], RuntimeFacts],
        first: Sequence[int] | None = None,
    ) -> None:
        self._server, self._first = server, first
        try:
            self._client: LoadedRuntime = OpenAIHTTP().load(model, {**options, "url": server.url})
            self.facts = facts_of(self._client.facts)
        except BaseException:
            server.stop()
            raise

    def tokenize(self, text: str, *, add_bos: bool) -> list[int]:
        """Ids of `text`, by the server."""
        if self._first is None:
            return self._client.tokenize(text, add_bos=add_bos)
        return [*(self._first if add_bos else ()), *self._client.tokenize(text, add_bos=False)]

    def generate(
        self, prompt: Sequence[int], output_tokens: int, watch: Watch, *, forced: Sequence[int] | None = None
    ) -> list[int]:
        """See `LoadedRuntime.generate`. Raises `RunFailed` with the server's last words where it is gone."""
        try:
            return self._client.generate(prompt, output_tokens, watch, forced=forced)
        except ReproError as error:
            if self._server.ended():
                raise self._server.death("in a trial", "see the machine's log and its free memory") from error
            raise

    def score(self, tokens: Sequence[int]) -> float:
        """As openai-http."""
        return self._client.score(tokens)

    def counters(self) -> Mapping[str, int]:
        """By the server's account of the newest request."""
        return self._client.counters()

    def reset(self) -> None:
        """Nothing is kept between requests: the server was started without caches, and each request asks for none."""
        self._client.reset()

    def close(self) -> None:
        """Stop the server."""
        self._client.close()
        self._server.stop()
