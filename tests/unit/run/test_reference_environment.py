"""Which environment makes the reference ids of a model."""

from dataclasses import asdict
from json import dumps
from types import SimpleNamespace

import pytest

from harness.catalog import suites
from harness.errors import RuntimeUnavailable
from harness.progress import SILENT
from harness.run.conclude.departures import split_of
from harness.run.execute.plan import texts_of
from harness.run.prepare import reference, tokenise, tokens
from harness.run.prepare.environments import Installed
from harness.worker import tokenizer_gate
from runtimes import table
from runtimes.interface import Capabilities


@pytest.fixture
def install(tmp_path):
    def make(key, backend, runtime="llama.cpp", release=""):
        folder = tmp_path / "runtimes" / runtime / key
        folder.mkdir(parents=True)
        made = Installed(runtime, backend, key, "0" * 64, (), "", 0, release)
        (folder / "install.json").write_text(dumps(asdict(made)))
        return folder

    return make


def test_a_server_is_held_where_the_tokenizer_is_installed_and_nothing_is_installed_for_it(install, tmp_path):
    server, splits = table.find("openai-http"), table.find("mistralrs")
    assert not reference.held(server, "gguf", tmp_path, kept=False)
    assert reference.held(server, "gguf", tmp_path, kept=True)
    assert reference.held(splits, "gguf", tmp_path, kept=False)  # or refused
    install("cpu-a", "cpu")
    assert reference.held(server, "gguf", tmp_path, kept=False)
    assert not reference.held(server, "safetensors", tmp_path, kept=False)
    for name in ("llama.cpp", "simulated"):
        assert not reference.held(table.find(name), "gguf", tmp_path, kept=True)


def prepared(name="openai-http"):
    suite = suites.load("quick-v1")
    identity = SimpleNamespace(format="gguf", sha256="1" * 64, tokenizer_sha256="2" * 64)
    request = SimpleNamespace(challenge=None)
    return SimpleNamespace(
        adapter=table.find(name), suite=suite, identity=identity, options={}, request=request, model=None
    )


@pytest.mark.parametrize("made", [True, False])
def test_a_servers_prompts_are_the_references_or_its_own_where_none_can_be_made(install, tmp_path, monkeypatch, made):
    install("cpu-a", "cpu")

    def of(first):
        def ids(*_args, **_more):
            found = texts_of(suites.load("quick-v1").suite)
            ids = {name: [first] * (found.lengths[name] or 9) for name in found.texts}
            return tokens.Tokenised(ids, 1000, dict(found.texts))

        return ids

    def none(*_):
        raise RuntimeUnavailable("llama.cpp can't open it", code="no reference")

    monkeypatch.setattr(reference, "ids_of", of(1) if made else none)
    monkeypatch.setattr(tokenise, "_made", of(2))
    found = tokenise.tokenise(prepared(), tmp_path, SILENT)
    assert {ids[0] for ids in found.ids.values()} == {1 if made else 2}
    assert (bool(found.reference), found.unchecked) == (made, not made)
    if not made:
        with pytest.raises(RuntimeUnavailable, match="can't open it"):
            tokenise.tokenise(prepared("mistralrs"), tmp_path, SILENT)


@pytest.mark.parametrize("unchecked", [True, False])
def test_a_record_says_that_nobody_checked_the_split(unchecked):
    def evidence(prompt):
        plan = SimpleNamespace(workloads=[SimpleNamespace(prompt=prompt)])
        return SimpleNamespace(work=SimpleNamespace(plan=plan, unchecked_split=unchecked))

    assert [one.code for one in split_of(evidence((1, 2)))] == (["split_unchecked"] if unchecked else [])
    assert not split_of(evidence(()))  # nothing was split


def test_anothers_adapter_whose_ids_are_nobody_elses_affair_is_given_the_references_and_not_asked(tmp_path):
    def none_of_ours(name="theirs"):
        return SimpleNamespace(name=name, capabilities=Capabilities(tokenises=False))

    assert not reference.held(none_of_ours(), "gguf", tmp_path, kept=False)
    assert reference.held(none_of_ours(), "gguf", tmp_path, kept=True)
    assert not tokenizer_gate.asks("theirs", Capabilities(tokenises=False))
    assert tokenizer_gate.asks("theirs", Capabilities())
    assert tokenizer_gate.asks("openai-http", Capabilities(tokenises=False))


def test_one_for_the_cpu_comes_first_for_it_loads_without_a_driver(install, tmp_path):
    own = install("cpu-b", "cpu")
    install("cuda-a", "cuda")
    install("vulkan-a", "vulkan")
    assert reference._there("llama.cpp", tmp_path) == own


def test_another_is_taken_where_there_is_no_other_and_a_named_release_never_is(install, tmp_path):
    assert reference._there("llama.cpp", tmp_path) is None
    install("cpu-a", "cpu", release="0.3.30")
    assert reference._there("llama.cpp", tmp_path) is None
    only = install("cuda-a", "cuda")
    assert reference._there("llama.cpp", tmp_path) == only
    install("cpu-c", "cpu", runtime="vllm")
    assert reference._there("llama.cpp", tmp_path) == only
