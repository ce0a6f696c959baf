"""Verdicts on pairs of records: identical, parted, different, unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.compare.agreement import Agreement, agree, first_mismatch
from harness.record.store import read

IDS = st.lists(st.integers(0, 9), max_size=12)


@given(IDS, IDS)
def test_the_first_mismatch_is_the_first(a, b):
    index = first_mismatch(a, b)
    if index is None:
        assert a == b
    else:
        assert a[:index] == b[:index]
        assert a[index : index + 1] != b[index : index + 1]


@pytest.fixture
def record(simulated_record):
    return read(simulated_record).record


def changed(record, *, nll=None, output=None, sha256=None, derived_from=None):
    found = record
    if nll is not None:
        found = found.model_copy(update={"probe": found.probe.model_copy(update={"mean_nll_micronats": nll})})
    if output is not None:
        results = tuple(
            r.model_copy(update={"output_ids": output(r.output_ids)}) if r.output_ids else r for r in found.results
        )
        found = found.model_copy(update={"results": results})
    model = dict(found.model)
    if sha256 is not None:
        model |= {"sha256": sha256, "derived_from": derived_from}
    return found.model_copy(update={"model": model})


def test_a_record_agrees_with_itself(record):
    pair = agree(record, record)
    assert pair.verdict is Agreement.IDENTICAL
    assert all(one.first_mismatch is None for one in pair.workloads)


def test_where_outputs_part_the_likelihood_tells_a_tie_from_another_model(record):
    parted = changed(record, output=lambda ids: (*ids[:3], ids[3] + 1, *ids[4:]))
    pair = agree(record, parted)
    assert pair.verdict is Agreement.PARTED
    assert {one.first_mismatch for one in pair.workloads} == {3}
    assert agree(record, changed(parted, nll=1_010_000)).verdict is Agreement.DIFFERENT


def test_a_conversion_may_be_further_off_than_the_same_weights(record):
    near = changed(record, nll=1_010_000)
    assert agree(record, near).verdict is Agreement.DIFFERENT
    child = changed(near, sha256="c" * 64, derived_from=record.model["sha256"])
    assert agree(record, child).verdict is Agreement.IDENTICAL
    sibling = changed(near, sha256="d" * 64, derived_from=record.model["sha256"])
    assert agree(child, sibling).verdict is Agreement.IDENTICAL
    assert agree(record, changed(record, sha256="e" * 64)).verdict is Agreement.DIFFERENT


def test_without_a_probe_parted_outputs_are_unknown(record):
    blind = record.model_copy(update={"probe": None})
    assert agree(record, changed(blind, output=lambda ids: ids[::-1])).verdict is Agreement.UNKNOWN


def test_nothing_side_by_side_is_no_agreement(record):
    workloads = tuple(w.model_copy(update={"prompt_sha256": "0" * 64}) for w in record.workloads)
    assert agree(record, record.model_copy(update={"workloads": workloads})).verdict is Agreement.UNKNOWN


def test_other_prompts_are_left_out_and_named(record):
    workloads = tuple(w.model_copy(update={"prompt_sha256": "0" * 64}) for w in record.workloads)
    pair = agree(record, record.model_copy(update={"workloads": workloads}))
    assert pair.workloads == ()
    assert pair.skipped


def cached(record, keys, values=None, engine="llama.cpp", **settings):
    found = {"type_k": keys, "type_v": values or keys, **settings}
    runtime = record.runtime.model_copy(update={"name": engine, "engine": engine, "settings": found})
    return record.model_copy(update={"runtime": runtime})


def off(record, share):
    return changed(record, nll=round(record.probe.mean_nll_micronats * (1 + share)))


@pytest.mark.parametrize(
    ("cache", "near", "far"), [("q8_0", 0.0051, 0.021), ("q4_0", 0.03, 0.051), ("q5_1", 0.0499, 0.0501), ("fp8_e4m3", 0.01, 0.03), ("u8", 0.01, 0.03)]
)  # fmt: skip
def test_a_quantised_cache_has_a_band_of_its_own_with_the_reason(record, cache, near, far):
    base = cached(record, "f16")
    pair = agree(base, off(cached(record, cache), near))
    assert pair.verdict is Agreement.IDENTICAL
    beyond = agree(base, off(cached(record, cache), far))
    assert beyond.verdict is Agreement.DIFFERENT
    assert f"the KV caches are f16/f16 and {cache}/{cache}" in beyond.text


def test_one_half_of_the_cache_is_enough_and_the_same_cache_twice_gives_no_more_room(record):
    base = cached(record, "f16")
    assert agree(base, off(cached(record, "f16", "q8_0"), 0.0051)).verdict is Agreement.IDENTICAL
    both = cached(record, "q8_0")
    assert agree(both, off(both, 0.0051)).verdict is Agreement.DIFFERENT
    for plain in ("bf16", "f32"):
        assert agree(base, off(cached(record, plain), 0.0051)).verdict is Agreement.DIFFERENT


def test_weights_that_the_runtime_rounds_again_are_a_conversion(record):
    base, rounded = cached(record, "f16", engine="vllm"), cached(record, "f16", engine="vllm", quantization="fp8")
    assert agree(base, off(rounded, 0.01)).verdict is Agreement.IDENTICAL
    assert agree(base, off(cached(record, "f16", engine="vllm", threads=1), 0.01)).verdict is Agreement.DIFFERENT
    openvino = cached(record, "f16", engine="openvino", weights="u4+zp4")
    assert agree(base, off(openvino, 0.019)).verdict is Agreement.IDENTICAL
    beyond = agree(base, off(openvino, 0.021))
    assert beyond.verdict is Agreement.DIFFERENT
    assert "the engines make nothing else and u4+zp4 of the file's weights: allowed 2%" in beyond.text
