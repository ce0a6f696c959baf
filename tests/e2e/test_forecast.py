"""`repro forecast` as a user runs it: on a part of the table and on this machine, refusals in one line."""

import json

import pytest

from harness.run.prepare import forecast as asking
from tests.support import model_headers, real_shapes
from tests.support.program import Program


@pytest.fixture
def llama(tmp_path):
    return real_shapes.write(tmp_path / "llama.gguf", real_shapes.llama_8b())


@pytest.fixture
def repro(tmp_path, monkeypatch, capfd):
    """The program in this process, with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Program(capfd)


def test_a_part_of_the_table_gets_three_intervals_their_class_and_what_they_rest_on(repro, llama):
    done = repro("forecast", llama, "--device", "RTX 4070", "--context", "8192")
    assert done.code == 0, done.err
    for words in (
        "by the device table",
        "yes, whole",
        "decode after 8,192",
        "TTFT",
        "extrapolated: a forecast, no measurement",
    ):
        assert words in done.out
    assert "(imported: " in done.out
    assert "4 runs of 3,456 tokens on average: 122 tok/s" in done.out  # no run had so many
    assert "narrower with " in done.out
    told = json.loads(repro("forecast", llama, "--device", "RTX 4070", "--context", "8192", "--json").out)
    assert told["model_name"] == "llama 8B"
    assert told["fits"] == "fits"
    assert told["decode"]["class"] == "~"
    rate = told["decode"]["tokens_per_s"]
    assert 40 < rate["low_95"] < rate["middle"] < rate["high_95"] < 110  # 504 GB/s over 4.6 GiB are 101
    prefill, ttft = told["prefill"]["tokens_per_s"], told["ttft_s"]
    assert ttft["middle"] == pytest.approx(8192 / prefill["middle"])  # as docs/metrics.md has the prefill rate
    assert (ttft["low_95"], ttft["high_80"]) == pytest.approx((8192 / prefill["high_95"], 8192 / prefill["low_80"]))
    assert all(one["source"] and one["origin"] == "imported" for one in told["decode"]["rests_on"])


@pytest.mark.parametrize("context", [1, 15, 127])
def test_a_prompt_shorter_than_all_that_were_measured_gets_no_rate_of_another_one(repro, llama, context):
    arguments = ("forecast", llama, "--device", "RTX 4070", "--context", context)
    done = repro(*arguments)
    assert done.code == 0, done.err
    assert f"the shortest prompt that was measured has 128 tokens, this one {context}" in done.out
    told = json.loads(repro(*arguments, "--json").out)
    assert told["prefill"] is told["ttft_s"] is told["refused"] is None
    assert "128 tokens" in told["prefill_refused"]
    assert told["decode"]["tokens_per_s"]["middle"] > 60


@pytest.mark.parametrize(("memory", "bandwidth"), [("36", 410), ("48", 546), ("64", 546), ("128", 546)])
def test_the_memory_of_the_machine_tells_which_chip_it_has(repro, llama, memory, bandwidth):
    told = json.loads(repro("forecast", llama, "--device", "Apple M4 Max", "--memory", memory, "--json").out)
    assert told["bandwidth_bytes_per_s"] == bandwidth * 10**9


@pytest.mark.parametrize(
    ("name", "device", "bandwidth"),
    [("M4 Max 64GB", "Apple M4 Max", 546), ("MacBook Pro M3 Max 36 GB", "Apple M3 Max 30-core GPU", 300), ("AI Max+ 395 128GB", "Radeon 8060S", 256)],
)  # fmt: skip
def test_the_memory_of_the_machine_may_stand_in_the_name(repro, llama, name, device, bandwidth):
    told = json.loads(repro("forecast", llama, "--device", name, "--json").out)
    assert (told["device"], told["bandwidth_bytes_per_s"]) == (device, bandwidth * 10**9)


def test_this_machine_is_forecast_by_its_own_bandwidth_and_the_interval_is_wide(repro, llama, monkeypatch):
    monkeypatch.setattr(asking, "_measure", lambda: 20e9)
    told = json.loads(repro("forecast", llama, "--backend", "cpu", "--json").out)
    assert told["backend"] == "cpu"
    assert told["bandwidth_measured"] is True
    if told["refused"] is None:
        assert told["decode"]["tokens_per_s"]["high_95"] > 2 * told["decode"]["tokens_per_s"]["low_95"]


def test_what_does_not_fit_whole_has_its_other_layers_on_the_processor_and_says_so(repro, llama):
    told = json.loads(repro("forecast", llama, "--device", "GeForce RTX 4060", "--context", "32768", "--json").out)
    assert told["fits"] == "does not fit"
    assert told["decode"]["class"] == told["prefill"]["class"] == "E"
    assert "of 33 layers compute on the processor" in told["decode"]["wider"][0]
    rate = told["decode"]["tokens_per_s"]
    assert rate["high_95"] > 5 * rate["low_95"]
    whole = json.loads(
        repro("forecast", llama, "--device", "GeForce RTX 4060", "--count", "2", "--context", "32768", "--json").out
    )
    assert whole["fits"] == "fits"
    assert whole["device_count"] == 2
    assert whole["decode"]["tokens_per_s"]["middle"] > rate["middle"]


@pytest.mark.parametrize(("device", "memory"), [("Apple M3", "4"), ("Jetson Orin Nano", "4")])
def test_what_shared_memory_can_not_hold_gets_no_rate(repro, llama, device, memory):
    told = json.loads(repro("forecast", llama, "--device", device, "--memory", memory, "--json").out)
    assert told["decode"] is told["prefill"] is told["ttft_s"] is None
    assert "does not fit" in told["refused"]


def test_the_memory_that_is_given_chooses_the_part(repro, llama):
    told = json.loads(repro("forecast", llama, "--device", "RTX 3080", "--memory", "12", "--json").out)
    assert told["device"] == "GeForce RTX 3080 12 GB"


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("--device", "RTX 4O70"), "the table has no part of this name"),
        (("--device", "RTX 4070", "--runtime", "vllm"), "nothing was published of vllm to forecast from"),
        (("--device", "RTX 4070", "--backend", "cpu"), "a processor computes from main memory"),
        (("--device", "Adreno 750", "--memory", "16"), "no document has its bandwidth"),
        (("--device", "RTX 4070", "--context", "9999999"), "trained for 131,072"),
        (("--count", "2"), "must be asked of a part of the table"),
        (("--backend", "sycl"), "name the part that has them: --device NAME"),
        (("--memory", "8"), "must be that of a part of the table"),
        (("--device", "Jetson Orin NX 16GB", "--count", "2"), "is built into one machine"),
        (("--device", "Apple M3", "--memory", "16", "--count", "2"), "is built into one machine"),
        (("--device", "RTX 4070", "--backend", "metal"), "take one of cuda, vulkan, opencl"),
        (("--device", "RTX 4070", "--backend", "rocm"), "can't run these kernels"),
        (("--device", "RX 7900 XTX", "--backend", "cuda"), "take one of rocm, vulkan, opencl"),
        (("--device", "Arc B580", "--backend", "cuda"), "take one of sycl, vulkan, opencl"),
        (("--device", "Apple M4 Max", "--memory", "64", "--backend", "sycl"), "take one of metal, vulkan"),
        (("--device", "Apple M4 Max", "--memory", "40"), "choose one of: 36, 48, 64, 128"),
        (("--device", "M4 Max 64GB", "--memory", "36"), "two sizes of one memory"),
        (("--device", "M4 Max 40GB"), "choose one of: 36, 48, 64, 128"),
        (("--device", "RTX 4090 48GB"), "no part of this name is sold with so much memory; choose one of: 24"),
        (("--device", "RTX 3080 20GB"), "choose one of: 10, 12"),
        (("--device", "Apple M4 Max"), "say how much the machine has"),
        (("--device", "H100", "--memory", "80"), "choose one of: 64, 94; or by its name: H100 SXM"),
        (("--device", "A100 80GB"), "the nearest are: A100 SXM 80 GB, A100 PCIe 80 GB"),
        (("--device", "Apple M5 Max", "--memory", "64"), '--device "Apple M5 Max (40-core GPU)"'),
    ],
)
def test_what_can_not_be_forecast_is_refused_in_one_line(repro, llama, arguments, wrong):
    done = repro("forecast", llama, *arguments)
    assert done.code == 2
    assert wrong in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_an_unknown_architecture_is_refused_and_experts_are_not(repro, tmp_path):
    tensors, metadata = real_shapes.llama_8b()
    strange = {name.replace("llama.", "nobodys."): value for name, value in metadata.items()}
    path = real_shapes.write(tmp_path / "strange.gguf", (tensors, strange | {"general.architecture": "nobodys"}))
    done = repro("forecast", path, "--device", "RTX 4090")
    assert done.code == 2
    assert "nobodys" in done.err
    moe = real_shapes.write(tmp_path / "moe.gguf", real_shapes.qwen3_30b_a3b())
    told = json.loads(repro("forecast", moe, "--device", "RTX 4090", "--json").out)
    assert told["model_name"] == "qwen3moe 30B.A3B"
    assert told["decode"]["tokens_per_s"]["middle"] > 80


def test_a_file_of_llama_cpps_own_type_of_experts_is_of_the_published_class(repro, tmp_path):
    tensors, metadata = real_shapes.gpt_oss_20b()
    path = real_shapes.write(tmp_path / "gpt.gguf", (tensors, metadata | {"general.file_type": 38}))  # MXFP4_MOE
    done = repro("forecast", path, "--device", "RTX 4090")
    assert "gpt-oss 20B, MXFP4\n" in done.out
    assert "wide: " not in done.out


def test_what_is_not_known_of_its_memory_is_said(repro, llama):
    done = repro("forecast", llama, "--device", "Radeon 780M", "--memory", "32")
    assert "GB/s by the device table are those of the fastest memory that its vendor names" in done.out
    done = repro("forecast", llama, "--device", "3060 Ti")
    assert "448 or 608 GB/s by the device table" in done.out
    assert "wide: parts of this name have memory of 448 or of 608 GB/s" in done.out
    assert "fastest memory" not in done.out


def test_a_reason_of_one_rate_alone_names_it(repro, llama):
    done = repro("forecast", llama, "--device", "RTX 4090", "--backend", "opencl")
    assert "      wide: the generation NVIDIA Ada Lovelace was never measured with opencl" in done.out
    assert "      prefill wide: the architecture llama was measured with opencl in odd runs alone" in done.out


def test_a_folder_is_answered_with_the_file_that_there_is_a_forecast_of(repro, tmp_path):
    tensors = {"model.embed_tokens.weight": ("BF16", (1000, 256))}
    done = repro(
        "forecast", model_headers.folder(tmp_path / "model", tensors, model_headers.LLAMA), "--device", "RTX 4090"
    )
    assert done.code == 2
    assert "take a file that is gguf" in done.err


def test_a_file_that_is_no_model_is_refused(repro, tmp_path):
    path = tmp_path / "x.gguf"
    path.write_bytes(b"no model")
    assert repro("forecast", path, "--device", "RTX 4090").code == 2
