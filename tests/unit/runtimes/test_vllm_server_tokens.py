"""The first token of a text at `vllm serve`: a folder made from a GGUF may have lost the tokenizer's rule of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from runtimes import vllm_server
from runtimes.support import managed_runtime
from runtimes.support.hf_folder import Tokenizer
from runtimes.support.managed_runtime import ManagedRuntime


class Client:
    """With its rule lost the server adds nothing; with it, it must not be asked to."""

    facts = SimpleNamespace()

    def tokenize(self, _text, *, add_bos):
        return [99, 7, 8] if add_bos else [7, 8]


@pytest.mark.parametrize(
    ("rule", "asked", "expected"),
    [(True, True, [2, 7, 8]), (True, False, [7, 8]), (False, True, [7, 8])],
)
def test_the_first_token_is_the_folders_and_the_others_the_servers(monkeypatch, tmp_path, rule, asked, expected):
    monkeypatch.setattr(managed_runtime.OpenAIHTTP, "load", lambda *_: Client())
    monkeypatch.setattr(Tokenizer, "of", lambda _folder: SimpleNamespace(bos_id=2, add_bos=rule))
    first = vllm_server.first_ids(tmp_path)
    served = ManagedRuntime(SimpleNamespace(url=""), None, {}, lambda facts: facts, first)
    assert served.tokenize("a text", add_bos=asked) == expected


def test_another_server_puts_its_first_token_itself(monkeypatch):
    monkeypatch.setattr(managed_runtime.OpenAIHTTP, "load", lambda *_: Client())
    served = ManagedRuntime(SimpleNamespace(url=""), None, {}, lambda facts: facts)
    assert served.tokenize("a text", add_bos=True) == [99, 7, 8]
