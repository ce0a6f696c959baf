"""What published rows mean, and which say nothing that can be used."""

from dataclasses import replace

import pytest

from harness import evidence
from harness.catalog import published
from harness.errors import BadInput
from harness.forecast.evidence import merged, model_name, quantisation_class, task_of
from harness.forecast.values import Kind, Origin, Task, model_title

HEAD = ",".join(published.COLUMNS)
ROW = "a/b#1,2026-01-02,NVIDIA GeForce RTX 4090,1,CUDA,b1,llama 8B,Q4_K - Medium,4.58,8.03,tg128,130.5,0.2,,0,0,"


@pytest.mark.parametrize(
    ("test", "task"),
    [
        ("tg128", Task(Kind.DECODE, 128)),
        ("pp512 @ d4096", Task(Kind.PREFILL, 512, 4096)),
        ("pp1", None),  # the weights are read for one token: that is no prefill
        ("pp4096+tg128", None),
        ("tg (length not stated)", None),
        ("tg64@pp512", None),
    ],
)
def test_the_name_of_a_test_says_what_was_asked(test, task):
    assert task_of(test) == task


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("Q4_K - Medium", "Q4_K"), ("Q4_K_M", "Q4_K"), ("IQ4_XS - 4.25 bpw", "IQ4"), ("BF16", "BF16"), ("all F32", "F32"),
        ("MXFP4 MoE", "MXFP4"), ("UD-Q8_0", "Q8_0"), ("Q1_0_g128", "Q1_0"),
        ("MXFP4_MOE", "MXFP4"), ("Q4_K_M-mixed", "Q4_K"), ("unknown", ""), ("", ""),
    ],
)  # fmt: skip
def test_files_of_one_type_have_one_class(label, kind):
    assert quantisation_class(label) == kind


def test_finetunes_of_a_shape_are_one_model():
    assert model_name("llama 8B (Llama-3.1-8B)") == "llama 8B"


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        (ROW.replace("130.5", "fast"), "line 2, tokens_per_s: must be a number"),
        (ROW.replace("130.5", "nan"), "must be a number"),
        (ROW.replace("130.5", "-1"), "must be a number"),
        (ROW.replace("130.5", ""), "must have a rate"),
        (ROW.replace("4090,1,", "4090,1.5,"), "number of devices"),
        (ROW + ",one more", "must have 17 cells"),
        ("a,b", "must have 17 cells"),
    ],
)
def test_a_row_that_is_not_valid_ends_in_one_line_with_its_place(row, wrong):
    with pytest.raises(BadInput, match=wrong):
        published.parse(f"{HEAD}\n{row}\n", "here")


def test_a_table_of_other_columns_is_refused():
    with pytest.raises(BadInput, match="must have the columns"):
        published.parse("a,b\n1,2\n", "here")


def test_every_shipped_row_is_a_point_or_has_a_reason_why_not():
    found = evidence.shipped()
    assert len(found.points) + sum(found.unused.values()) == len(published.rows()) == 1797
    assert len(found.points) > 1200
    assert {point.origin for point in found.points} == {Origin.IMPORTED}
    assert all(point.source and point.hardware.bandwidth_bytes_per_s > 0 for point in found.points)


def test_nothing_that_ran_on_a_processor_in_part_is_taken_for_a_gpu():
    found = evidence.shipped()
    assert not [
        row for row, point in zip(found.rows, found.points, strict=True) if row.apart and point.hardware.family != "cpu"
    ]


def test_a_label_that_its_size_contradicts_names_no_class():
    found = evidence.shipped()
    wrong = [
        p for r, p in zip(found.rows, found.points, strict=True) if r.model == "gpt-oss 20B" and r.quantisation == "F16"
    ]
    assert wrong
    assert {point.work.quantisation for point in wrong} == {""}


def test_lengths_of_one_decode_are_one_point_and_prompts_stay_apart():
    points, places = merged(evidence.shipped().points)
    assert sum(map(len, places)) == len(evidence.shipped().points)
    assert {
        point.task.kind
        for point, own in zip(points, places, strict=True)
        if len({evidence.shipped().points[i].task for i in own}) > 1
    } == {Kind.DECODE}


def test_a_mean_says_of_how_many_runs_it_is_and_records_stay_apart():
    points, places = merged(evidence.shipped().points)
    assert [point.runs for point in points] == [len(own) for own in places]
    decode = next(point for point in evidence.shipped().points if point.task.kind is Kind.DECODE)
    records = [replace(decode, origin=Origin.RECORD, source=name) for name in ("a" * 64, "b" * 64)]
    assert [one.source for one in merged(records)[0]] == ["a" * 64, "b" * 64]
    (mean,) = merged([decode, replace(decode, task=replace(decode.task, tokens=decode.task.tokens + 128))])[0]
    assert mean.runs == 2


@pytest.mark.parametrize(
    ("name", "parameters", "title"),
    [
        ("qwen2 ?B", 32.76e9, "qwen2 32.8B"), ("llama 1B", 3.23e9, "llama 3.23B"), ("llama 1B", 1.1e9, "llama 1B"),
        ("qwen3moe 30B.A3B", 30.53e9, "qwen3moe 30B.A3B"), ("llama4 17Bx16E", 107.77e9, "llama4 17Bx16E"), ("phi3 3B", 3.84e9, "phi3 3B"),
    ],
)  # fmt: skip
def test_a_model_is_told_by_a_name_that_has_its_size(name, parameters, title):
    work = next(point.work for point in evidence.shipped().points)
    assert model_title(replace(work, model=name, parameters=parameters)) == title


def test_no_model_that_was_published_is_told_without_its_size():
    assert not [name for point in evidence.shipped().points if "?" in (name := model_title(point.work))]
