"""Logs of other tools: what they prove is taken, what they do not is refused with a reason, and nobody can be known from it."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import BadInput
from harness.record import canonical
from harness.registry.intake.external import TOOLS, Evidence, as_payload, read
from harness.registry.intake.external_log import DEPTH_LIMIT, LIST_LIMIT, SIZE_LIMIT

# The shape of each is that of its tool's own printer; the numbers are made up and agree with themselves as the tool's would.
FOLDER = Path(__file__).parents[2] / "data" / "imported"
FILES = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir())}
TAKEN = {name: data for name, data in FILES.items() if name not in ("vllm-latency.json", "vllm-throughput.json")}
TESTS = json.loads(FILES["llama-bench.json"])
SERVED = json.loads(FILES["vllm-serve-detailed.json"])
SCORED = json.loads(FILES["localscore.json"])


def dump(value) -> bytes:
    return json.dumps(value).encode()


def changed(value, **fields):
    return {**copy.deepcopy(value), **fields}


def scored(**fields):
    """The LocalScore run with one result, changed."""
    return changed(SCORED, results=[changed(SCORED["results"][0], **fields)])


def without(value, *keys):
    return {key: item for key, item in value.items() if key not in keys}


def test_llama_bench_gives_a_rate_for_every_repetition():
    prefill, decode = read(FILES["llama-bench.json"], "x")
    assert prefill == Evidence(
        tool="llama-bench",
        tool_version="b7012 (4f2c81d9a)",
        engine="llama.cpp",
        model="Qwen3-8B-Q4_K_M.gguf",
        quantisation="Q4_K_M",
        device="NVIDIA GeForce RTX 3090",
        metric="prefill_rate",
        prompt_tokens=512,
        output_tokens=0,
        depth=0,
        samples_micro=(3987190031, 4003343104, 3996790889, 3989061526, 4007379056),  # 512 / 0.128411236 s, …
        measured="2026-10-03",
    )
    assert (decode.metric, decode.prompt_tokens, decode.output_tokens) == ("decode_rate", 0, 128)
    for evidence, test in zip((prefill, decode), TESTS, strict=False):
        assert [micro / 1e6 for micro in evidence.samples_micro] == pytest.approx(test["samples_ts"], rel=1e-5)


def test_llama_bench_in_lines_keeps_depth_and_utc_date():
    shallow, deep = read(FILES["llama-bench.jsonl"], "x")
    assert (shallow.depth, shallow.measured) == (0, "2026-09-30")
    assert (deep.depth, deep.measured, deep.model) == (4096, "2026-10-01", "Llama-3.2-1B-Instruct-Q8_0.gguf")
    assert deep.device == "11th Gen Intel(R) Core(TM) i5-1135G7 @ 2.40GHz"
    assert (deep.tool_version, deep.quantisation) == ("", "Q8_0")  # a build outside git knows no number


def test_prompt_and_output_under_one_clock_are_left_out_and_alone_refused():
    assert len(TESTS) == 3
    assert {e.metric for e in read(dump(TESTS), "x")} == {"prefill_rate", "decode_rate"}
    with pytest.raises(BadInput, match="one clock: no rate follows"):
        read(dump(TESTS[2]), "x")


@pytest.mark.parametrize(
    ("fields", "device"),
    [
        ({}, "GPU"),
        ({"n_gpu_layers": 99}, "GPU"),
        ({"n_gpu_layers": 20}, "GPU + CPU"),
        ({"n_gpu_layers": 0}, "GPU + CPU"),  # prefill may still be offloaded
        ({"n_cpu_moe": 12}, "GPU + CPU"),
        ({"devices": "none"}, "CPU"),
        ({"gpu_info": ""}, "CPU"),
        ({"gpu_info": "GPU A, GPU B"}, "GPU A, GPU B"),
    ],
)
def test_the_cpu_is_named_wherever_it_may_have_worked(fields, device):
    test = changed(TESTS[1], **{"cpu_info": " CPU  ", "gpu_info": "GPU", **fields})
    assert read(dump(test), "x")[0].device == device


@pytest.mark.parametrize(
    ("ftype", "name"),
    [
        ("Q4_K - Medium", "Q4_K_M"), ("Q3_K - Large", "Q3_K_L"), ("Q5_K - Small", "Q5_K_S"), ("Q2_K - Medium", "Q2_K"),
        ("Q6_K", "Q6_K"), ("all F32", "F32"), ("IQ3_S mix - 3.66 bpw", "IQ3_M"), ("IQ4_XS - 4.25 bpw", "IQ4_XS"),
        ("TQ1_0 - 1.69 bpw ternary", "TQ1_0"), ("MXFP4 MoE", "MXFP4_MOE"), ("Q8_0 (guessed)", "Q8_0"),
        ("(guessed) Q4_K - Small", "Q4_K_S"), ("unknown, may not work", ""),
    ],
)  # fmt: skip
def test_recipes_get_the_names_that_people_use(ftype, name):
    assert read(dump(changed(TESTS[0], model_type=f"qwen3moe 30B.A3B {ftype}")), "x")[0].quantisation == name
    assert read(dump(scored(model_quant_str=ftype)), "x")[0].quantisation == name


def test_localscore_gives_both_rates_of_each_of_its_tests():
    found = read(FILES["localscore.json"], "x")
    assert [(e.metric, e.prompt_tokens, e.output_tokens, e.samples_micro) for e in found] == [
        ("prefill_rate", 1024, 16, (7012418203,)),
        ("decode_rate", 1024, 16, (201334718,)),
        ("prefill_rate", 16, 1536, (1450220917,)),
        ("decode_rate", 16, 1536, (188507441,)),
    ]
    assert {(e.tool, e.tool_version, e.engine, e.model, e.quantisation, e.device, e.measured) for e in found} == {
        (
            "LocalScore",
            "llamafile 0.9.3",
            "llama.cpp",
            "Llama 3.2 1B Instruct",
            "Q4_K_M",
            "NVIDIA GeForce RTX 3060",
            "2026-08-21",
        )
    }
    # What goes to the site has neither time nor samples of a test.
    sent = changed(SCORED, results=[without(result, "test_time", "samples_ns") for result in SCORED["results"]])
    assert {e.measured for e in read(dump(sent), "x")} == {""}


def test_vllm_serve_gives_the_decode_rate_of_each_request():
    (found,) = read(FILES["vllm-serve-detailed.json"], "x")
    assert found.samples_micro == (76838639, 76335878, 76754386)  # 7 / 0.0911 s, 7 / 0.0917 s, 7 / 0.0912 s
    assert (found.metric, found.prompt_tokens, found.output_tokens, found.depth) == ("decode_rate", 256, 8, 0)
    assert (found.tool, found.engine, found.model) == ("vllm bench", "vllm", "Qwen3-8B-AWQ")
    assert (found.tool_version, found.quantisation, found.device, found.measured) == ("", "", "", "")


def test_vllm_serve_without_the_detail_gives_the_mean():
    (found,) = read(FILES["vllm-serve.json"], "x")
    assert found.samples_micro == (round(1e9 / SERVED["mean_tpot_ms"]),)


def test_any_server_may_stand_behind_the_openai_backend():
    assert read(dump(changed(SERVED, backend="openai")), "x")[0].engine == ""
    old = without(changed(SERVED, endpoint_type="vllm"), "backend", "failed", "max_concurrent_requests")
    assert read(dump(old), "x")[0].engine == "vllm"


def test_a_results_file_that_was_appended_to_is_read_line_by_line():
    assert len(read(dump(SERVED) + b"\n" + dump(changed(SERVED, model_id="other")), "x")) == 2


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])  # what shells of Windows write
def test_the_encodings_of_windows_are_taken(name, encoding):
    assert read(TAKEN[name].decode().encode(encoding), "x") == read(TAKEN[name], "x")


# name → the log, and what its refusal says
REFUSED = {
    "latency": (FILES["vllm-latency.json"], "prompt and output in one number"),
    "throughput": (FILES["vllm-throughput.json"], "prompt and output in one number"),
    "empty": (b"", "must be a log in JSON"),
    "text": (b"| model | size | params |", "must be a log in JSON"),
    "not UTF-8": (b'{"a": "\xff"}', "must be a log in JSON"),
    "truncated": (FILES["llama-bench.json"][:-30], "must be a log in JSON"),
    "a truncated line": (FILES["llama-bench.jsonl"][:-30], "must be a log in JSON"),
    "another object": (b'{"results": []}', "must be a log of a tool that can be imported"),
    "a number": (b"7", "must be a log of a tool that can be imported"),
    "an array of numbers": (b"[1, 2]", "entry 1: must be a log"),
    "an empty array": (b"[]", "has 0 entries"),
    "a stranger among tests": (dump([TESTS[0], {"a": 1}]), "entry 2: must be a log"),
    "NaN": (FILES["vllm-serve.json"].replace(b'"rtfx": 0.0', b'"rtfx": NaN'), "holds NaN"),
    "infinity": (dump(changed(TESTS[0], avg_ts=float("inf"))), "holds Infinity"),
    "a key twice": (FILES["localscore.json"].replace(b'"version": "0.9.3"', b'"name": "x"'), "stands twice"),
    "10 MB": (b" " * 10_000_000, f"the limit is {SIZE_LIMIT}"),
    "100,000 entries": (dump([{}] * 100_000), f"has 100000 entries, 1 to {LIST_LIMIT}"),
    "100,000 lines": (b"{}\n" * 100_000, f"has 100000 entries, 1 to {LIST_LIMIT}"),
    "a million values": (b"[" + b"1," * 1_000_000 + b"1]", "more than 500000 values"),
    "100,000 repetitions": (dump(changed(TESTS[0], samples_ns=[1] * 100_000)), "samples_ns must be a list of 1 to"),
    "100,000 results": (dump(changed(SCORED, results=[{}] * 100_000)), "results must be a list of 1 to"),
    "nested too deep": (b'{"a": ' * 9 + b"7" + b"}" * 9, f"deeper than {DEPTH_LIMIT}"),
    "nested far too deep": (b"[" * 100_000 + b"]" * 100_000, "must be a log in JSON"),
    "a number of 5,000 digits": (b'{"a": ' + b"9" * 5000 + b"}", "must be a log in JSON"),
    "bench: no samples": (dump(changed(TESTS[0], samples_ns=[])), "samples_ns must be a list of 1 to"),
    "bench: a negative time": (dump(changed(TESTS[0], samples_ns=[-128411236])), "samples_ns must be a whole number"),
    "bench: no time at all": (dump(changed(TESTS[0], samples_ns=[0], avg_ns=0)), "samples_ns must be a whole number"),
    "bench: a time of 400 digits": (dump(changed(TESTS[0], samples_ns=[10**400])), "samples_ns must be a whole number"),
    "bench: true for a time": (dump(changed(TESTS[0], samples_ns=[True])), "samples_ns must be a whole number"),
    "bench: negative tokens": (dump(changed(TESTS[0], n_prompt=-512)), "n_prompt must be a whole number"),
    "bench: no tokens": (dump(changed(TESTS[0], n_prompt=0)), "no possible rate"),
    "bench: tokens beyond measure": (dump(changed(TESTS[0], n_prompt=10**15)), "no possible rate"),
    "bench: an edited sample": (
        dump(changed(TESTS[0], samples_ns=[64000000] * 5)),
        "samples_ns and avg_ns do not agree",
    ),
    "bench: over RPC": (dump(changed(TESTS[0], backends="CUDA,RPC")), "ran over RPC"),
    "bench: no model": (dump(changed(TESTS[0], model_filename="/")), "model_filename is empty"),
    "bench: a number for a model": (dump(changed(TESTS[0], model_filename=7)), "model_filename must be text"),
    "bench: a very long name": (dump(changed(TESTS[0], model_filename="x" * 201)), "longer than 200"),
    "bench: a lone surrogate": (dump(changed(TESTS[0], model_filename="\ud800")), "not printable"),
    "score: a negative rate": (dump(scored(gen_tps=-1.0)), "gen_tps must be a number above zero"),
    "score: no rate": (dump(scored(prompt_tps=0)), "prompt_tps must be a number above zero"),
    "score: a rate beyond floats": (
        dump(scored(gen_tps=1.5)).replace(b"1.5", b"1e999"),
        "gen_tps must be a number above zero",
    ),
    "score: an edited rate": (dump(scored(gen_tps=20.0)), "rates and avg_time_ms do not agree"),
    "score: no results": (dump(changed(SCORED, results=[])), "results must be a list of 1 to"),
    "score: a result of text": (dump(changed(SCORED, results=["x"])), "result 1 must be an object"),
    "score: another runtime": (dump(changed(SCORED, runtime_info={"name": "mlx"})), "not known to wrap llama.cpp"),
    "serve: side by side": (
        dump(changed(SERVED, max_concurrency=8, max_concurrent_requests=3)),
        "ran side by side",
    ),
    "serve: concurrency unsaid": (
        dump(changed(SERVED, max_concurrency=None, max_concurrent_requests=3)),
        "side by side",
    ),
    "serve: a failed request": (dump(changed(SERVED, failed=1)), "requests failed"),
    "serve: a missing request": (dump(changed(SERVED, num_prompts=4)), "requests failed"),
    "serve: none completed": (dump(changed(SERVED, completed=0)), "completed must be a whole number of at least 1"),
    "serve: lengths differ": (dump(changed(SERVED, output_lens=[7, 8, 9])), "differ in length"),
    "serve: a length is missing": (dump(changed(SERVED, output_lens=[8, 8])), "differ in length"),
    "serve: totals differ": (dump(changed(SERVED, total_input_tokens=769)), "differ in length"),
    "serve: one token": (dump(changed(SERVED, total_output_tokens=3, output_lens=[1, 1, 1])), "no decode phase"),
    "serve: speculative": (dump(changed(SERVED, spec_decode_acceptance_length=2.1)), "speculatively"),
    "serve: diffusion": (dump(changed(SERVED, diffusion_committed_tokens=24)), "by diffusion"),
    "serve: another server": (dump(changed(SERVED, backend="tgi")), "a server of the kind 'tgi'"),
    "serve: gaps are missing": (dump(changed(SERVED, itls=SERVED["itls"][:2])), "the gaps of 2 requests"),
    "serve: gaps of nothing": (dump(changed(SERVED, itls=[[0.0]] * 3)), "not lists of seconds"),
    "serve: gaps of text": (dump(changed(SERVED, itls=[["0.01"]] * 3)), "not lists of seconds"),
    "serve: a negative gap": (dump(changed(SERVED, itls=[[0.1, -0.01]] * 3)), "not lists of seconds"),
    "serve: edited gaps": (dump(changed(SERVED, itls=[[0.001] * 7] * 3)), "itls and mean_tpot_ms do not agree"),
    "serve: no metric": (dump(without(SERVED, "itls", "mean_tpot_ms")), "mean_tpot_ms must be a number above zero"),
    "serve: a TPOT of nothing": (
        dump(without(changed(SERVED, mean_tpot_ms=0.0), "itls")),
        "mean_tpot_ms must be a number",
    ),
    "serve: a TPOT too small": (dump(without(changed(SERVED, mean_tpot_ms=1e-300), "itls")), "no possible rate"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_proves_nothing_is_refused_in_one_line(name):
    data, why = REFUSED[name]
    with pytest.raises(BadInput) as caught:
        read(data, "log.json")
    line = str(caught.value)
    assert line.startswith("log.json")
    assert why in line
    assert "\n" not in line
    assert len(line) <= 500


def test_a_named_tool_must_be_the_one_that_wrote_the_log():
    for name, tool in zip(TAKEN, ("llama-bench", "llama-bench", "LocalScore", "vllm bench", "vllm bench"), strict=True):
        assert read(FILES[name], "x", tool)
        for other in set(TOOLS) - {tool}:
            with pytest.raises(BadInput, match=f"is a log of {tool}, not of {other}"):
                read(FILES[name], "x", other)
    with pytest.raises(BadInput, match="no log of 'ollama' can be read; one of llama-bench, LocalScore, vllm bench"):
        read(FILES["llama-bench.json"], "x", "ollama")


def test_nothing_that_could_name_a_person_is_kept():
    assert all(b"canary" in data for name, data in TAKEN.items() if name != "llama-bench.jsonl")
    for data in TAKEN.values():
        assert "canary" not in repr(read(data, "x"))


@pytest.mark.parametrize(
    "path",
    [
        "C:\\Users\\canary\\m.gguf",
        "\\\\canary\\share\\m.gguf",
        "~canary/m.gguf",
        "../canary/m.gguf",
        "/home/canary/m.gguf/",
        "canary/m.gguf",
    ],
)
def test_of_a_path_only_its_last_part_is_kept(path):
    assert read(dump(changed(TESTS[0], model_filename=path)), "x")[0].model == "m.gguf"
    assert read(dump(changed(SERVED, model_id=path)), "x")[0].model == "m.gguf"


@pytest.mark.parametrize(
    "text",
    [
        "192.168.1.23:50052", "RPC0[canary-host:50052]", "GPU-8f6d3c1a-90ab-4c1e-8d11-2b7a90c0ffee", "00:1b:44:11:3a:b7",
        "0000:65:00.0", "canary@host", "/home/canary/gpu", "C:\\Users\\canary", "~/gpu", "RTX 3090 /home/canary",
    ],
)  # fmt: skip
def test_addresses_paths_and_serial_numbers_are_refused_where_a_name_belongs(text):
    for data in (changed(TESTS[0], gpu_info=text), changed(TESTS[0], cpu_info=text)):
        with pytest.raises(BadInput, match="holds an address, a path or a serial number"):
            read(dump(data), "x")
    with pytest.raises(BadInput, match="holds an address, a path or a serial number"):
        read(dump(changed(SCORED, accelerator_info={"name": text})), "x")


@pytest.mark.parametrize(
    "name",
    [
        "AMD Ryzen AI 9 HX 470 w/ Radeon 890M", "Intel(R) Core(TM) i7-9750H@2.60GHz", "NVIDIA A100-SXM4-80GB MIG 3g.40gb",
        "Apple M2 Max", "AMD Radeon RX 7900 XTX (RADV NAVI31)", "12th Gen Intel(R) Core(TM) i5-1240P, Accelerate", "Tesla P40/Tesla P40",
    ],
)  # fmt: skip
def test_real_devices_keep_their_names(name):
    assert read(dump(changed(TESTS[0], gpu_info=name)), "x")[0].device == name


@pytest.mark.parametrize(
    "stamp", ["", "2026-13-01T00:00:00Z", "2026-10-03T18:22:07+02:00", "20261003-182207", "yesterday"]
)
def test_a_date_that_is_not_utc_is_no_date(stamp):
    assert read(dump(changed(TESTS[0], test_time=stamp)), "x")[0].measured == ""


def held(evidence: Evidence) -> None:
    """What is true of everything that was ever read: it is canonical, in bounds, and a rate."""
    payload = as_payload(evidence)
    assert canonical.parse(canonical.canonical(payload), "x") == payload
    assert all(isinstance(value, str | int | list) for value in payload.values())
    assert evidence.tool in TOOLS
    assert evidence.metric in ("decode_rate", "prefill_rate")
    assert 0 < len(evidence.samples_micro) <= LIST_LIMIT
    assert all(type(micro) is int and 0 < micro <= 10**14 for micro in evidence.samples_micro)
    assert evidence.prompt_tokens + evidence.output_tokens > 0
    assert evidence.model
    assert "/" not in evidence.model
    assert "\\" not in evidence.model


def survives(data: bytes) -> None:
    try:
        found = read(data, "x")
    except BadInput:
        return
    assert found
    for evidence in found:
        held(evidence)


def test_what_is_read_is_fit_for_an_event():
    for data in TAKEN.values():
        survives(data)
        assert read(data, "x")


@given(st.sampled_from(sorted(FILES)), st.data())
def test_changed_bytes_never_raise_anything_else(name, data):
    raw = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    survives(bytes(raw))


NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([0, 1, -1, 2**53, 10**30, 1e-320, 1e308, 5e-7]))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=6,
)


def places(value, path=()):
    """Every place in a JSON value, as a path of keys and indices."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


PARSED = {
    name: [json.loads(line) for line in data.splitlines()] if name.endswith("l") else json.loads(data)
    for name, data in FILES.items()
}
PLACES = {name: list(places(value))[1:] for name, value in PARSED.items()}


@given(st.sampled_from(sorted(PARSED)), st.data())
def test_changed_values_never_raise_anything_else(name, data):
    value = copy.deepcopy(PARSED[name])
    *path, last = data.draw(st.sampled_from(PLACES[name]))
    holder = value
    for key in path:
        holder = holder[key]
    if data.draw(st.booleans()):
        holder[last] = data.draw(JSON)
    else:
        del holder[last]
    survives(dump(value))


@given(st.binary(max_size=200))
def test_noise_is_no_log(data):
    with pytest.raises(BadInput):
        read(data, "x")
