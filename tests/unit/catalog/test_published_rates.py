"""The bounds of the device table held against rates that people published: no honest row is accused, and the bogus are named."""

import pytest

from benchmarks.device_table import ROWS, judge, page, part_of, read
from harness.catalog import devices


@pytest.fixture(scope="module")
def verdicts():
    return [judge(row) for row in read(ROWS)]


def test_no_published_row_is_accused(verdicts):
    assert len(verdicts) == 1797
    assert [verdict.row for verdict in verdicts if verdict.accused] == []


def test_most_rows_of_a_gpu_are_judged(verdicts):
    assert sum(verdict.share is not None for verdict in verdicts) >= 1100


def test_what_is_named_as_odd_was_found_odd_by_its_collector(verdicts):
    named = [verdict for verdict in verdicts if verdict.mislabelled or verdict.slow]
    assert len(named) >= 30
    assert {verdict.row["odd"] for verdict in named} == {"1"}


@pytest.mark.parametrize(
    ("device", "model", "label"),
    [
        ("AMD Radeon RX 7900 XT 20GB", "gpt-oss 20B", "BF16"),
        ("NVIDIA GeForce RTX 3060 12GB", "gpt-oss 20B", "F16"),
        ("NVIDIA GeForce RTX 3090", "deepseek2 671B", "Q8_0"),
    ],
)
def test_a_size_that_contradicts_its_label_is_named(verdicts, device, model, label):
    rows = [v for v in verdicts if (v.row["device"], v.row["model"], v.row["quantisation"]) == (device, model, label)]
    sizes = {v.row["size_gib"] for v in rows if v.mislabelled}
    assert sizes
    assert "664.29" not in sizes


def test_a_gpu_that_decodes_like_a_processor_is_named(verdicts):
    slow = {(verdict.row["device"], verdict.row["model"]) for verdict in verdicts if verdict.slow}
    assert ("Intel Arc A770", "llama 8B (Llama-3.1-8B)") in slow
    assert ("AMD Radeon RX 7900 XT 20GB", "qwen2 14B (Qwen2.5-14B)") in slow


@pytest.mark.parametrize(
    ("claims", "made_on"),
    [
        ("NVIDIA GeForce RTX 4060", "NVIDIA GeForce RTX 4090"),
        ("NVIDIA GeForce RTX 5060 Ti 16GB", "NVIDIA GeForce RTX 5090"),
        ("AMD Radeon RX 7600 XT", "AMD Radeon RX 7900 XTX"),
        ("Apple M2 (MacBook Air)", "Apple M2 Ultra (192 GB, 76 GPU cores)"),
        ("NVIDIA DGX Spark (GB10)", "NVIDIA RTX 6000 Ada Generation"),
        ("Orin", "NVIDIA A100-SXM4-80GB"),
    ],
)
def test_a_small_part_that_claims_a_large_ones_decode_rate_is_accused(verdicts, claims, made_on):
    of_one = [v for v in verdicts if v.row["device"] == made_on and v.share and v.row["test"].startswith("tg")]
    best = max((v for v in of_one if v.row["device_count"] == "1"), key=lambda v: v.share)
    assert judge({**best.row, "device": claims}).accused
    assert not best.accused


def test_a_rate_a_thousandfold_too_high_is_accused_in_decode_and_in_prefill(verdicts):
    for test in ("tg", "pp"):
        honest = next(v for v in verdicts if v.share and v.share > 0.1 and v.row["test"].startswith(test))
        assert judge({**honest.row, "tokens_per_s": str(float(honest.row["tokens_per_s"]) * 1000)}).accused


UNNAMED = ("not shown", "not named", "not in the excerpt", "not stated")


def test_every_gpu_of_the_rows_that_has_a_proper_name_is_a_part_of_the_table(verdicts):
    labels = {verdict.row["device"] for verdict in verdicts if verdict.unknown == "no part of the table"}
    assert [label for label in sorted(labels) if not any(words in label for words in UNNAMED)] == []
    assert part_of("NVIDIA RTX PRO 6000 Blackwell (variant not stated)") is None


def test_the_page_names_every_figure(verdicts):
    text = "\n".join(page(verdicts, "made here"))
    assert f"The table holds {len(devices.table())} parts" in text
    assert "| accused | 0 |" in text
    assert "| NVIDIA GeForce RTX 3090 | deepseek2 671B Q8_0 | 307.20 | 21 |" in text
