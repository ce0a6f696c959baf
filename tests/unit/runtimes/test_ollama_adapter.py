"""The adapter against a double of Ollama's API: which model it is, where it lies, what it forgets, and how an answer can end."""

import itertools

import pytest

from harness.errors import BadInput, ReproError, RunFailed
from harness.measure.metrics import measure_trial
from harness.measure.stopwatch import Stopwatch
from harness.measure.trial import Mode, Purpose, Trial
from harness.verify import check_rules
from harness.worker import tokenizer_gate
from harness.worker.plan import Prompt
from runtimes.interface import SECRET, DeviceKind, ModelFiles
from runtimes.ollama import OllamaRuntime
from runtimes.support import gguf_vocabulary, server_place
from runtimes.support.ollama_api import address_of
from tests.support import tiny_models
from tests.support.ollama_server import Words, serving
from tests.support.server_trials import line

TEXT = "the quiet harbour boat comes home one after other and the sea is calm"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_models.write_gguf(tmp_path_factory.mktemp("model") / "readable.gguf", readable=True)


@pytest.fixture(scope="module")
def words(model):
    return Words(gguf_vocabulary.read(model))


@pytest.fixture(scope="module")
def prompt(words):
    return [tiny_models.BOS, *words.tokens(TEXT)]


@pytest.fixture
def serve(model, words):
    def start(**facts):
        return serving(words, **{"models": {"tiny:latest": model}, **facts})

    return start


def load(model, url, **options):
    return OllamaRuntime().load(ModelFiles(model, "gguf"), {"url": url, **options})


def timed(loaded, count, prompt):
    watch = Stopwatch(max(count, 1))
    loaded.reset()
    ids = loaded.generate(prompt, count, watch)
    return Trial(
        0, 0, "w", Purpose.TIMED, Mode.GREEDY, len(prompt), count, 0, watch.token_ns(), watch.step_ns(), tuple(ids), {},
        dict(loaded.counters()),
    )  # fmt: skip


# Where it listens


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        (":8000", "http://127.0.0.1:8000"),
        ("box.local", "http://box.local:11434"),
        ("http://box.local", "http://box.local:80"),
        ("https://box.local/ollama/", "https://box.local:443/ollama"),
        ("[::1]:9", "http://[::1]:9"),
        ("::", "http://[::1]:11434"),
        ("[::]:9", "http://[::1]:9"),
        (' "127.0.0.1:1234" ', "http://127.0.0.1:1234"),
        ("127.0.0.1:99999", "http://127.0.0.1:11434"),
        ("127.0.0.1:x", "http://127.0.0.1:11434"),
    ],
)
def test_the_variable_is_read_as_ollama_reads_it(variable, url):
    assert address_of(variable) == url


def test_the_variable_is_heeded_and_the_option_comes_first(model, serve, monkeypatch):
    with serve() as (url, double):
        monkeypatch.setenv("OLLAMA_HOST", url.removeprefix("http://"))
        load(model, "").close()
        monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
        load(model, url).close()
        assert double.loads() == 2
    with pytest.raises(BadInput) as error:
        load(model, "")
    assert "no server answers at 127.0.0.1:9" in line(error)


def test_what_is_no_ollama_is_said_to_be_none(model, serve):
    with serve(version="") as (url, _), pytest.raises(BadInput) as error:
        load(model, url)
    assert "is not Ollama" in line(error)
    with pytest.raises(BadInput, match=r"box\.example is not this machine"):
        load(model, "http://box.example:11434")


# Which model it is


def test_the_model_is_found_by_the_digest_of_its_weights(model, serve, tmp_path):
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF")
    with serve(models={"a:latest": other, "b:7b": model}) as (url, double):
        assert load(model, url).facts.served == "b:7b"
        assert set(double.loaded) == {"b:7b"}
        with pytest.raises(BadInput) as error:
            load(model, url, served_model="a")
        assert "a:latest of the server has weights" in line(error)
        with pytest.raises(BadInput, match="has no model 'c'; take one of a:latest, b:7b"):
            load(model, url, served_model="c")
    with serve(models={"a:latest": other}) as (url, double), pytest.raises(BadInput) as error:
        load(model, url)
    assert "no model of the server has these weights; it has a:latest" in line(error)
    assert not double.loads()


@pytest.mark.parametrize("store", ["/Volumes/My Disk/ollama/blobs/", "C:\\Users\\John Doe\\.ollama\\models\\blobs\\"])
def test_a_store_may_lie_under_a_path_with_a_space(model, serve, store):
    with serve(store=store) as (url, _):
        assert load(model, url).facts.served == "tiny:latest"


def test_a_blob_of_the_store_is_known_by_its_name(model, serve, tmp_path):
    from hashlib import sha256

    blob = tmp_path / f"sha256-{sha256(model.read_bytes()).hexdigest()}"
    blob.hardlink_to(model)
    with serve() as (url, _):
        assert load(blob, url).facts.served == "tiny:latest"


def test_a_model_that_the_server_only_passes_on_is_refused_as_one(model, serve):
    with serve(cloud="https://ollama.com:443") as (url, double):
        with pytest.raises(BadInput) as error:
            load(model, url, served_model="tiny")
        assert not double.loads()
        with pytest.raises(BadInput, match="no model of the server has these weights"):
            load(model, url)
    assert "-o served_model=tiny:latest: is computed elsewhere: this server only passes requests on" in line(error)


def test_an_adapter_beside_the_weights_is_refused(model, serve):
    with serve(adapter=True) as (url, _), pytest.raises(BadInput, match="has an adapter"):
        load(model, url)


def test_what_it_tells_of_the_model_is_a_fact(model, serve):
    with serve(parameters=123456, quantization="Q4_K_M", trained=4096) as (url, _):
        facts = load(model, url, context=512, num_thread=3).facts
    assert dict(facts.model) == {
        "description": "as served", "parameters": 123456, "context_trained": 4096, "quantisation": "Q4_K_M",
    }  # fmt: skip
    assert (facts.engine, facts.version, facts.context_tokens) == ("ollama", "0.18.2", 512)
    assert (facts.settings["threads"], facts.settings["batch"], facts.settings["gpu_layers"]) == (3, "auto", None)


def test_another_model_in_memory_is_refused_and_left_there(model, serve):
    with serve(models={"tiny:latest": model, "other:latest": model}) as (url, double):
        double.loaded = {"other:latest": {"num_ctx": 8}}
        with pytest.raises(BadInput) as error:
            load(model, url, served_model="tiny")
        assert set(double.loaded) == {"other:latest"}
    assert "run: ollama stop other:latest" in line(error)


# Where it computes


SEEN = server_place.Place("process seen", (server_place.Device("local", DeviceKind.LOCAL_SERVER, "x"),), "", True)


@pytest.mark.parametrize(
    ("share", "computed"),
    [
        (0.0, {DeviceKind.LOCAL_SERVER, DeviceKind.CPU}),
        (1.0, {DeviceKind.LOCAL_SERVER, DeviceKind.GPU}),
        (0.4, {DeviceKind.LOCAL_SERVER, DeviceKind.CPU, DeviceKind.GPU}),
    ],
)
def test_its_account_says_what_computes(model, serve, monkeypatch, share, computed):
    monkeypatch.setattr(server_place, "place_of", lambda *_: SEEN)
    with serve(share_on_gpu=share) as (url, _):
        facts = load(model, url).facts
    assert set(facts.computed_on) == {device.kind for device in facts.devices} == computed
    assert (facts.settings["weights_on_cpu_mib"] is not None) == (share == 0.4)


def test_a_gpu_that_no_process_has_open_is_not_believed(model, serve, monkeypatch):
    from dataclasses import replace

    monkeypatch.setattr(server_place, "place_of", lambda *_: replace(SEEN, gpu_open=False))
    with serve(share_on_gpu=1.0) as (url, _):
        facts = load(model, url).facts
    assert [device.kind for device in facts.devices] == [DeviceKind.SERVER]
    assert "has none open" in facts.settings["hardware"]


def test_of_a_server_that_was_not_seen_nothing_is_known(model, serve):
    with serve(share_on_gpu=0.0) as (url, _):
        facts = load(model, url).facts
    assert [device.kind for device in facts.devices] == [DeviceKind.SERVER]


# What it is asked, and what it forgets


def test_each_request_says_all_that_decides_the_answer(model, serve, prompt):
    with serve() as (url, double):
        loaded = load(model, url, context=256, num_gpu=0)
        timed(loaded, 6, prompt)
        body = next(one for one in reversed(double.generated()) if one.get("stream", True))
    assert body["prompt"] == TEXT
    assert (body["raw"], body["think"], body["truncate"], body["shift"]) == (True, False, False, False)
    assert body["options"]["num_predict"] == 6
    assert {name: body["options"][name] for name in ("num_ctx", "num_gpu", "temperature", "repeat_penalty", "stop")} == {
        "num_ctx": 256, "num_gpu": 0, "temperature": 0, "repeat_penalty": 1.0, "stop": [],
    }  # fmt: skip
    assert "num_thread" not in body["options"]


def test_it_is_loaded_afresh_and_taken_out_of_memory_at_the_end(model, serve):
    with serve() as (url, double):
        double.loaded = {"tiny:latest": {"num_ctx": 8}}
        loaded = load(model, url)
        orders = [body for path, body in double.asked if path == "/api/generate"]
        assert [body["keep_alive"] for body in orders] == [0, "15m"]
        loaded.close()
        assert not double.loaded
    with serve(keeps=True) as (url, double):
        double.loaded = {"tiny:latest": {"num_ctx": 8}}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("runtimes.support.ollama_api.UNLOAD_S", 0.1)
            with pytest.raises(RunFailed, match="keeps tiny:latest in memory"):
                load(model, url)


def test_no_prompt_is_timed_of_which_the_server_has_seen_the_beginning(model, serve, prompt):
    with serve(prefill_s=0.0005) as (url, double):
        loaded = load(model, url)
        first, again = timed(loaded, 2, prompt), timed(loaded, 2, prompt)
        assert again.token_ns[0] > 0.8 * first.token_ns[0]
        assert double.loads() == 2  # at first, and before it was repeated
        other = loaded.fresh(prompt)
        assert len(other) == len(prompt)
        assert other[:4] != prompt[:4]
        timed(loaded, 2, other)
        assert all(body["raw"] for body in double.generated())


def test_after_each_load_another_text_warms_it(model, serve, prompt):
    with serve() as (url, double):
        timed(load(model, url), 4, prompt)
        sent = double.generated()
    assert [body["raw"] for body in sent] == [True, True]
    warm = sent[0]["prompt"]
    assert len(warm) == len(TEXT)
    assert warm[0] != TEXT[0]


def test_its_times_and_counts_are_the_engines_account(model, serve, prompt):
    with serve(step_s=0.01, prefill_s=0.0005) as (url, _):
        loaded = load(model, url)
        one = timed(loaded, 24, prompt)
        # On a busy machine the first tokens may be read together: then there is no rate of the prompt.
        tries = itertools.chain([one], (timed(loaded, 24, prompt) for _ in range(8)))
        assert any(measure_trial(each).prefill_rate is not None for each in tries)
    assert one.engine["load_ns"] == 1_334_875
    assert one.engine["completion_tokens"] == one.engine["chunks"] == one.engine["placed_tokens"] == 24
    assert check_rules.engine_counters([one]).status == "pass"
    assert "prefill_tokens" not in one.engine  # its count is of the prompt, not of what it computed


# Tokenizers


def test_ids_of_a_text_are_those_of_the_servers_context(model, serve, prompt):
    with serve() as (url, _):
        loaded = load(model, url)
        assert loaded.tokenize(TEXT, add_bos=True) == prompt
        assert loaded.tokenize(TEXT, add_bos=False) == prompt[1:]
        assert loaded.tokenize("", add_bos=True) == prompt[:1]
    with serve(context=False) as (url, _), pytest.raises(BadInput) as error:
        load(model, url).tokenize(TEXT, add_bos=True)
    assert "run the same model once with the runtime llama.cpp" in line(error)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"more_prompt_tokens": 3}, "prompt tokens, not 70"),
        ({"more_prompt_tokens": -1}, "counts 69 prompt tokens, not 70"),
    ],
)
def test_another_count_is_refused_as_another_tokenizer(model, serve, prompt, facts, said):
    with serve(**facts) as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed) as error:
            timed(loaded, 4, prompt)
    assert said in line(error)
    assert error.value.code == "tokenizer"


@pytest.mark.parametrize(
    ("more", "said", "code"),
    [
        (-70, "does not tell how many prompt tokens it took, 70 are sent", "prompt not counted"),
        (
            -20,
            "counts 50 prompt tokens, not 70, which it made of this text beforehand; it cut the prompt",
            "prompt cut",
        ),
        (2, "counts 72 prompt tokens, not 70", "tokenizer"),
    ],
)
def test_a_prompt_that_it_split_as_we_do_is_not_blamed_on_its_tokenizer(model, serve, prompt, more, said, code):
    with serve() as (url, double):
        loaded = load(model, url)
        assert loaded.take(prompt, TEXT) == prompt
        double.behaviour.more_prompt_tokens = more
        with pytest.raises(RunFailed) as error:
            timed(loaded, 4, prompt)
    assert said in line(error)
    assert error.value.code == code


def test_a_server_whose_count_leaves_out_what_it_cached_is_never_asked_twice(model, serve, prompt):
    with serve(tells_cached=True) as (url, double):
        loaded = load(model, url)
        with pytest.raises(RunFailed, match="counts 69 prompt tokens, not 70"):
            timed(loaded, 4, prompt)  # the one before all texts, which the text that warmed it shares
    assert double.loads() == 1


def test_a_text_is_taken_with_the_ids_that_the_server_makes_of_it(model, serve, prompt):
    with serve() as (url, double):
        loaded = load(model, url)
        assert loaded.take(prompt, TEXT) == prompt
        timed(loaded, 4, prompt)
        assert double.loads() == 2  # it has seen the text: it is loaded anew before it is timed
        tokenizer_gate.hold(loaded, OllamaRuntime.capabilities, [Prompt(TEXT, tuple(prompt))])
    with serve(context=False) as (url, _):
        assert load(model, url).take(prompt, TEXT) == len(prompt)


@pytest.mark.parametrize(
    "facts", [{"shuffles_ids": True}, {"more_prompt_tokens": 2}, {"context": False, "more_prompt_tokens": 2}]
)
def test_a_server_that_splits_text_otherwise_does_not_pass_the_gate(model, serve, prompt, facts):
    with serve(**facts) as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed) as error:
            tokenizer_gate.hold(loaded, OllamaRuntime.capabilities, [Prompt(TEXT, tuple(prompt))])
    assert error.value.code == "tokenizer"
    assert "ollama splits text otherwise" in line(error)


# How an answer can end


def test_a_text_that_the_model_ends_is_no_trial(model, serve, prompt):
    with serve(ends_after=5) as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed) as error:
            timed(loaded, 12, prompt)
    assert "the model ended its text: 5 of 12 tokens had come; Ollama can't be told to go on" in line(error)


def test_an_answer_that_repeats_itself_ends_without_a_word_and_is_told(model, serve, prompt):
    with serve(repeats=True) as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed, match="the model repeats itself, and Ollama ends such an answer after 30"):
            timed(loaded, 64, prompt)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"dies_after": 5}, "the server closed the answer before its end: 5 of 12 tokens had come"),
        (
            {"error_after": 5},
            "the server reports an error: an error was encountered while running the model: CUDA error",
        ),
        ({"answers_as": "another:7b"}, "the server answers as 'another:7b', asked for was 'tiny:latest'"),
    ],
)
def test_a_server_that_fails_in_the_middle_is_told(model, serve, prompt, facts, said):
    with serve(**facts) as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed) as error:
            timed(loaded, 12, prompt)
    assert said in line(error)


def test_a_model_that_does_not_load_is_told_in_the_servers_words(model, serve):
    words = "model requires more system memory (8.1 GiB) than is available (2.0 GiB)"
    with serve(load_error=words) as (url, _), pytest.raises(RunFailed) as error:
        load(model, url)
    assert "the server can't load the model: model requires more system memory" in line(error)


def test_a_model_that_was_loaded_within_a_trial_makes_it_none(model, serve, prompt):
    with serve(loads_within=2_400_000_000) as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed, match=r"took 2\.4 s to have the model ready within a trial"):
            timed(loaded, 4, prompt)


def test_a_small_model_that_was_loaded_again_in_less_than_half_a_second_is_seen_too(model, serve, prompt):
    with serve(load_s=0.32, loads_within=300_000_000) as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed, match=r"took 0\.3 s to have the model ready within a trial"):
            timed(loaded, 4, prompt)
    with serve(load_s=2.0, loads_within=300_000_000) as (url, _):
        assert timed(load(model, url), 4, prompt).engine["load_ns"] == 300_000_000


def test_a_context_that_is_too_small_is_refused_before_anything_is_sent(model, serve, prompt):
    with serve(context_limit=64) as (url, _), pytest.raises(BadInput, match="gives a request 64 tokens of context"):
        load(model, url, context=256)
    with serve() as (url, double):
        loaded = load(model, url, context=72)
        with pytest.raises(BadInput, match="70 and 4 tokens do not go into a context of 72"):
            timed(loaded, 4, prompt)
        assert not double.generated()


def test_ids_that_are_no_text_are_refused(model, serve):
    with serve() as (url, _):
        loaded = load(model, url)
        for ids in ([256, 200], [256, 258], [256], [256, 9999]):
            with pytest.raises(BadInput, match="not those of a text"):
                timed(loaded, 4, ids)


def test_the_key_stands_in_no_fact(model, serve, monkeypatch):
    monkeypatch.setenv(f"{SECRET}api_key_env", "sk-canary-123456")
    with serve() as (url, _):
        facts = load(model, url).facts
    assert facts.settings["api_key"] == "sent"
    assert "canary" not in repr(facts)


def test_every_refusal_is_one_of_ours(model, serve):
    from tests.support.model_server import serving as other

    for answer in (b"[]", b"{}", b"null", b"\xff", b"[" * 9999, {"version": 7}, {"version": "1", "models": 7}):
        pages = dict.fromkeys(("/api/version", "/api/tags", "/api/ps", "/api/show", "/api/generate"), answer)
        with other(pages=pages) as (url, _), pytest.raises(ReproError):
            load(model, url.removesuffix("/v1"))
