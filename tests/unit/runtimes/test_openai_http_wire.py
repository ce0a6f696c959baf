"""What lies between client and server: certificates, redirects, proxies, limits, and what a server was asked and did not heed."""

import socket
import threading
import time
from contextlib import suppress

import pytest

from harness.errors import BadInput, RunFailed
from runtimes.interface import SECRET
from runtimes.support import sse
from tests.support import certificates
from tests.support.model_server import serving
from tests.support.server_trials import line, load, timed

# TLS


def test_an_https_server_is_trusted_by_the_authority_that_is_named(model, tmp_path):
    authority, *files = certificates.write(tmp_path)
    with serving(tls=files) as (url, _):
        loaded = load(model, url, ca_file=str(authority))
        assert loaded.facts.settings["tls"] is True
        assert timed(loaded, 8).token_ns.size == 8
        with pytest.raises(BadInput) as error:
            load(model, url)
    assert "certificate is not trusted" in line(error)
    assert "-o ca_file=FILE" in line(error)


def test_a_certificate_of_another_name_is_refused(model, tmp_path):
    authority, *files = certificates.write(tmp_path, names=("elsewhere.example",), addresses=())
    with serving(tls=files) as (url, _), pytest.raises(BadInput) as error:
        load(model, url, ca_file=str(authority))
    assert "certificate is not trusted" in line(error)


def test_a_file_without_certificates_is_refused(model, tmp_path):
    (tmp_path / "none.pem").write_text("nothing")
    with pytest.raises(BadInput, match="holds no certificates"):
        load(model, "https://127.0.0.1:1/v1", ca_file=str(tmp_path / "none.pem"))


def test_https_where_there_is_none_is_one_line(model):
    with serving() as (url, _), pytest.raises(BadInput) as error:
        load(model, url.replace("http:", "https:"))
    assert "does not speak TLS" in line(error)


# Redirects, proxies, limits


def test_a_redirect_is_not_followed_and_its_place_is_named(model):
    with (
        serving(pages={"/x/models": (307, {})}, headers={"Location": "http://other.example/v1?token=abc"}) as (url, _),
        pytest.raises(BadInput) as error,
    ):
        load(model, url.replace("/v1", "/x"))
    assert "307 Temporary Redirect, to http://other.example/v1;" in line(error)
    assert "abc" not in line(error)


def test_a_port_that_takes_a_call_and_says_nothing_is_left_in_time(model, monkeypatch):
    monkeypatch.setattr(sse, "ASK_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(BadInput) as error:
        load(model, f"http://127.0.0.1:{silent.getsockname()[1]}/v1")
    assert "no server answers at 127.0.0.1:" in line(error)
    assert "timed out" in line(error)


@pytest.mark.parametrize(
    "head", ["", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n"]
)
def test_a_server_that_drips_its_answer_is_left_in_time(model, monkeypatch, head):
    monkeypatch.setattr(sse, "ASK_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            taken, _ = server.accept()
            with taken, suppress(OSError):
                taken.sendall(head.encode())
                for _ in range(600):
                    taken.sendall(b"H")
                    time.sleep(0.1)

        dripping = threading.Thread(target=drip)
        dripping.start()
        with pytest.raises(BadInput) as error:
            load(model, f"http://127.0.0.1:{server.getsockname()[1]}/v1")
        dripping.join()
    assert "the server's answer to /v1/models is not whole after 1 s" in line(error)


def test_a_stream_that_is_compressed_is_named_and_not_timed(model):
    with serving(coding="gzip") as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed) as error:
            timed(loaded, 8)
    assert "the server compresses its stream (gzip)" in line(error)


def test_no_proxy_of_the_environment_is_asked(model, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving() as (url, _):
        assert timed(load(model, url), 4).token_ns.size == 4


def test_a_server_that_loads_its_model_is_asked_again_when_it_says(model):
    with serving(busy=2, headers={"Retry-After": "0"}) as (url, double):
        load(model, url)
        assert double.paths().count("/v1/models") == 3
    with (
        serving(busy=1) as (url, _),
        pytest.raises(BadInput, match="503 Service Unavailable: Loading model; wait until"),
    ):
        load(model, url)  # it does not say for how long
    with serving(busy=9, headers={"Retry-After": "3600"}) as (url, _), pytest.raises(BadInput, match="503"):
        load(model, url)  # nobody waits for an hour


def test_a_limit_that_is_met_while_it_is_timed_is_never_waited_out(model):
    with serving(headers={"Retry-After": "7"}) as (url, double):
        loaded = load(model, url)
        double.behaviour.unknown_fields, double.behaviour.unknown_status = ("temperature",), 429
        count = len(double.completed())
        with pytest.raises(RunFailed) as error:
            timed(loaded, 4)
        assert len(double.completed()) == count + 1
    assert "429 Too Many Requests" in line(error)
    assert "it asks to wait for 7 s" in line(error)


# What was asked for, and what was not heeded


def test_what_the_server_was_asked_and_what_it_ignored_stands_in_the_record(model):
    with serving(ids=False) as (url, _):
        settings = load(model, url).facts.settings
    assert settings["asked"] == (
        "cache_prompt, continuous_usage_stats, ignore_eos, min_tokens, return_token_ids, stream_options, timings_per_token, top_k"
    )
    assert settings["ignored"] == "continuous_usage_stats, return_token_ids, timings_per_token"
    with serving(ids=False, running_count="usage", unknown_fields=("top_k",)) as (url, _):
        settings = load(model, url).facts.settings
    assert "top_k" not in settings["asked"]
    assert (settings["left_out"], settings["ignored"]) == ("top_k", "return_token_ids, timings_per_token")
    with serving(usage=False, running_count="timings") as (url, _):
        assert load(model, url).facts.settings["ignored"] == "continuous_usage_stats, stream_options"


def test_lm_studio_tells_context_training_length_and_quantisation(model):
    entry = {"id": "a/model one", "object": "model", "owned_by": "organization_owner"}
    shown = {
        "id": "a/model one", "type": "llm", "arch": "llama", "compatibility_type": "gguf", "quantization": "Q4_K_M",
        "state": "loaded", "max_context_length": 131072, "loaded_context_length": 4096,
    }  # fmt: skip
    with serving(models=[entry], pages={"/api/v0/models/a/model%20one": shown}) as (url, _):
        facts = load(model, url).facts
    assert (facts.engine, facts.context_tokens) == ("lmstudio", 4096)
    assert facts.model["context_trained"] == 131072
    assert facts.model["quantisation"] == "Q4_K_M"


def test_sglang_tells_its_version_and_llama_server_its_slots(model):
    listed = [{"id": "m", "owned_by": "sglang", "max_model_len": 8192}]
    with serving(models=listed, pages={"/get_server_info": {"version": "0.5.9"}}) as (url, _):
        facts = load(model, url).facts
        assert (facts.engine, facts.version, facts.context_tokens) == ("sglang", "0.5.9", 8192)
    with serving(props={"build_info": "b1", "total_slots": 4}) as (url, _):
        assert load(model, url).facts.settings["slots"] == 4


def test_behind_a_prefix_what_stands_above_it_is_another_servers(model):
    """A reverse proxy gives each of its servers a folder: the version and the context at its own root are not theirs."""
    props = {"build_info": "b10068", "default_generation_settings": {"n_ctx": 2048}, "total_slots": 4}
    above = {"/version": {"version": "0.9.9"}, "/props": {"default_generation_settings": {"n_ctx": 9}}}
    with serving(prefix="/one", above=above, props=props, takes_ids=False) as (url, double):
        loaded = load(model, url.replace("/v1", "/one/v1"))
        assert (loaded.facts.engine, loaded.facts.version) == ("llama.cpp", "b10068")
        assert (loaded.facts.context_tokens, loaded.facts.settings["slots"]) == (2048, 4)
        assert timed(loaded, 4).token_ns.size == 4  # its text by the tokenizer behind the prefix
        assert "/tokenize" in double.paths()


def test_a_key_never_stands_in_an_error_of_a_redirect(model, monkeypatch):
    monkeypatch.setenv(f"{SECRET}api_key_env", "sk-canary-123456")
    place = {"Location": "https://user:sk-canary-123456@other.example/v1"}
    with serving(pages={"/x/models": (308, {})}, headers=place) as (url, _), pytest.raises(BadInput) as error:
        load(model, url.replace("/v1", "/x"))
    assert "canary" not in line(error)
