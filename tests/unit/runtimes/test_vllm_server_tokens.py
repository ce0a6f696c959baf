"""The first token of a text at `vllm serve`: a folder made from a GGUF may have lost the tokenizer's rule of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from runtimes import vllm_server
from runtimes.support.hf_folder import Tokenizer
from runtimes.support.managed_runtime import ManagedRuntime


@pytest.mark.parametrize(
    ("rule", "asked", "expected"),
    [(True, True, [2, 7, 8]), (True, False, [7, 8]), (False, True, [7, 8])],
)
def test_the_first_token_is_the_folders_and_the_others_the_servers(monkeypatch, tmp_path, rule, asked, expected):
    monkeypatch.setattr(ManagedRuntime, "__init__", lambda *_: None)
    # With its rule lost the server adds nothing; with it, it must not be asked to.
    monkeypatch.setattr(ManagedRuntime, "tokenize", lambda _self, _text, *, add_bos: [99, 7, 8] if add_bos else [7, 8])
    monkeypatch.setattr(Tokenizer, "of", lambda _folder: SimpleNamespace(bos_id=2, add_bos=rule))
    served = vllm_server._Served(None, SimpleNamespace(path=tmp_path), {}, lambda facts: facts)
    assert served.tokenize("a text", add_bos=asked) == expected
