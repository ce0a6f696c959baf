"""Logs as people keep them: with lines of the tool around the JSON, in older words, and from streams whose chunks are no tokens."""

import json
from itertools import accumulate

import pytest

from harness.errors import BadInput
from harness.registry.intake.external import read
from harness.registry.intake.external_names import label
from tests.unit.registry.test_imported import FILES, SERVED, TESTS, changed, dump, without

BENCH = FILES["llama-bench.json"].decode()
LINES = FILES["llama-bench.jsonl"].decode()
SERVE = FILES["vllm-serve.json"].decode()
PREAMBLE = """ggml_cuda_init: GGML_CUDA_FORCE_MMQ:    no
ggml_cuda_init: found 1 CUDA devices:
  Device 0: NVIDIA GeForce RTX 3090, compute capability 8.6, VMM: yes
[2026-11-28 12:00:00] INFO "starting" {device=0}
load_backend: loaded CUDA backend from /usr/lib/libggml-cuda.so
"""
TRAILER = "\nbuild: 4f2c81d9a (7012)\nllama_perf_context_print: [done]\n"


@pytest.mark.parametrize("text", [BENCH, LINES, SERVE, json.dumps(TESTS[0]), json.dumps(TESTS)])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_log_lines_around_the_json_are_skipped(text, newline):
    plain = read(text.encode(), "x")
    for before, after in (
        (PREAMBLE, ""),
        ("", TRAILER),
        (PREAMBLE, TRAILER),
        ("\x1b[36mINFO\x1b[0m 11-28 'a': 1\n", ""),
    ):
        noisy = (before + text + after).replace("\r\n", "\n").replace("\n", newline)
        assert read(noisy.encode("utf-8-sig"), "x") == plain


def test_log_lines_between_the_lines_of_the_json_are_skipped():
    lines = BENCH.splitlines()
    noisy = "\n".join([*lines[:20], "llama-bench: benchmark 2/3: starting", "~llama_context: done", *lines[20:]])
    assert read((PREAMBLE + noisy).encode(), "x") == read(BENCH.encode(), "x")
    first, second = LINES.splitlines()
    assert len(read(f"{first}\n{PREAMBLE}{second}\n".encode(), "x")) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PREAMBLE + BENCH[:-30], "must be a log in JSON"),  # cut short
        (PREAMBLE + LINES[:-30], "must be a log in JSON"),
        (PREAMBLE + BENCH.replace('"n_depth"', 'n_depth"'), "must be a log in JSON"),  # a damaged key is no log line
        (PREAMBLE, "must be a log in JSON"),
        ("| model | size | test | t/s |\n| --- | --- | --- | --- |\n", "a table in Markdown; .*-o json"),
        (PREAMBLE + "| model | size | test | t/s |\n", "a table in Markdown"),
        ("build_commit,build_number,cpu_info\n4f2c81d9a,7012,x\n", "a table in CSV"),
        ("INSERT INTO test (build_commit) VALUES ('x');\n", "SQL"),
        ("[2026-11-28] a log line\n[1, 2, 3]\n", "must be a log in JSON"),
        (PREAMBLE + '{"a": 1}\n', "must be a log of a tool that can be imported"),
    ],
)
def test_what_is_no_whole_log_is_refused_with_what_it_is(text, words):
    with pytest.raises(BadInput, match=words) as caught:
        read(text.encode(), "log.txt")
    assert "\n" not in str(caught.value)


# llama_model_ftype_name: of today, of the times of "mostly", and with what llama.cpp adds where a header is silent
NAMES = {
    "all F32": "F32", "F16": "F16", "BF16": "BF16", "Q4_0": "Q4_0", "Q4_1": "Q4_1", "Q5_0": "Q5_0", "Q5_1": "Q5_1",
    "Q8_0": "Q8_0", "Q2_K - Medium": "Q2_K", "Q2_K - Small": "Q2_K_S", "Q3_K - Small": "Q3_K_S",
    "Q3_K - Medium": "Q3_K_M", "Q3_K - Large": "Q3_K_L", "Q4_K - Small": "Q4_K_S", "Q4_K - Medium": "Q4_K_M",
    "Q5_K - Small": "Q5_K_S", "Q5_K - Medium": "Q5_K_M", "Q6_K": "Q6_K", "TQ1_0 - 1.69 bpw ternary": "TQ1_0",
    "TQ2_0 - 2.06 bpw ternary": "TQ2_0", "IQ2_XXS - 2.0625 bpw": "IQ2_XXS", "IQ2_XS - 2.3125 bpw": "IQ2_XS",
    "IQ2_S - 2.5 bpw": "IQ2_S", "IQ2_M - 2.7 bpw": "IQ2_M", "IQ3_XS - 3.3 bpw": "IQ3_XS",
    "IQ3_XXS - 3.0625 bpw": "IQ3_XXS", "IQ1_S - 1.5625 bpw": "IQ1_S", "IQ1_M - 1.75 bpw": "IQ1_M",
    "IQ4_NL - 4.5 bpw": "IQ4_NL", "IQ4_XS - 4.25 bpw": "IQ4_XS", "IQ3_S - 3.4375 bpw": "IQ3_S",
    "IQ3_S mix - 3.66 bpw": "IQ3_M", "MXFP4 MoE": "MXFP4_MOE", "NVFP4": "NVFP4", "Q4_1, some F16": "Q4_1_SOME_F16",
}  # fmt: skip


FORMS = ("{}", "mostly {}", "{} (guessed)", "(guessed) {}", "mostly {} (guessed)")
MODELS = ("", "llama 7B ", "qwen3moe 30B.A3B ", "llama4 17Bx16E (Scout) ", "gemma3n E2B ", "bert ?B ")


@pytest.mark.parametrize("words", NAMES)
def test_every_word_for_a_files_type_gets_its_label(words):
    found = {label(model + form.format(words)) for model in MODELS for form in FORMS}
    assert found == {NAMES[words]}


@pytest.mark.parametrize(
    "words",
    ["unknown, may not work", "llama 7B unknown, may not work", "llama 7B", "llama 7B Q4_K - Huge", "", "A6000"],
)
def test_a_word_that_is_not_known_gets_no_label(words):
    assert label(words) == ""


def test_the_older_words_are_stored_as_the_label():
    test = changed(TESTS[0], model_type="llama 7B mostly Q4_K - Medium")
    assert read(dump(test), "x")[0].quantisation == "Q4_K_M"


def served(gaps, output):
    """A result of three requests with these gaps, whose totals agree."""
    tpot = 1000 * sum(gaps) / (output - 1)
    return changed(
        SERVED, itls=[gaps] * 3, output_lens=[output] * 3, total_output_tokens=3 * output, mean_tpot_ms=tpot,
        mean_itl_ms=1000 * sum(gaps) / len(gaps),
    )  # fmt: skip


def test_gaps_between_tokens_give_their_rate():
    assert read(dump(served([0.01] * 63, 64)), "x")[0].samples_micro == (100_000_000,) * 3


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        ([0.01] * 32, "32 gaps between chunks for 64 tokens"),  # the first chunk held 32 of them
        ([0.03] * 21, "21 gaps between chunks for 64 tokens"),  # chunks of three
        ([0.01] * 64, "64 gaps between chunks for 64 tokens"),
        ([0.00002] * 63, "all 64 tokens came at one moment"),  # held back, then let go
        ([0.0] * 60 + [0.2] * 3, "61 of 64 tokens came with the first"),
        ([0.001] * 32 + [0.01] * 31, "10.0 times as fast"),
    ],
)
def test_streams_whose_pace_is_not_the_tokens_are_refused(gaps, words):
    with pytest.raises(BadInput, match=words):
        read(dump(served(gaps, 64)), "x")


def test_tokens_that_came_with_the_first_are_not_counted():
    gaps = [0.00001] * 20 + [0.01] * 43
    (found,) = read(dump(served(gaps, 64)), "x")
    assert found.samples_micro[0] / 1e6 == pytest.approx(43 / (list(accumulate(gaps))[-1]), rel=1e-6)


def test_without_the_detail_chunks_show_in_the_two_means():
    with pytest.raises(BadInput, match="mean_itl_ms is not mean_tpot_ms"):
        read(dump(without(served([0.01] * 32, 64), "itls")), "x")
    assert read(dump(without(served([0.01] * 63, 64), "itls")), "x")[0].samples_micro == (100_000_000,)
    with pytest.raises(BadInput, match="mean_itl_ms must be a number above zero"):
        read(dump(without(served([0.01] * 63, 64), "itls", "mean_itl_ms")), "x")
