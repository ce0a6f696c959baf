"""Whether it fits, up to which context, which layers spill: held to rules that any estimate must keep."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.catalog import gguf
from harness.fit import llama_cpp
from harness.fit.answer import Verdict, answer, judge, longest
from harness.fit.engine import Asked
from harness.fit.engines import engine_of, rearranged_types
from harness.fit.llama_cpp import Settings
from harness.fit.need import Place
from harness.fit.reading import shape_of
from harness.fit.room import Room
from tests.support import real_shapes

GIB = 1 << 30
NAMES = (
    "llama-3.1-8b",
    "gemma-2-9b",
    "qwen3-30b-a3b",
    "deepseek-v2-lite",
    "granite-4-h-tiny",
    "mamba-2.8b",
    "gpt-oss-20b",
)


@pytest.fixture(scope="module")
def headers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    return {n: gguf.read(real_shapes.write(folder / f"{n}.gguf", real_shapes.SHAPES[n]())) for n in NAMES}


def engine(
    headers, name="llama-3.1-8b", runtime="llama.cpp", on_device=False, converted=False, own_memory=True, **options
):
    return engine_of(Asked(runtime, headers[name], options, on_device, own_memory, converted=converted))


contexts = st.integers(1, 1 << 17)


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(NAMES), a=contexts, b=contexts, layers=st.integers(0, 60), flash=st.booleans())
def test_a_longer_context_never_needs_less(headers, name, a, b, layers, flash):
    shape = shape_of(headers[name])
    short, long = (llama_cpp.need(shape, Settings(c, device_layers=layers, flash=flash)) for c in sorted((a, b)))
    for place in Place:
        assert short.total(place) <= long.total(place)
        assert short.must_lie(place) <= long.must_lie(place)


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(NAMES), context=contexts, layers=st.integers(0, 60))
def test_types_of_the_cache_are_ordered_by_their_bits(headers, name, context, layers):
    shape = shape_of(headers[name])
    sizes = [
        sum(llama_cpp.need(shape, Settings(context, layers, type_k=kind, type_v=kind)).known(place) for place in Place)
        for kind in ("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "f16", "f32")
    ]
    assert sizes == sorted(sizes)


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(NAMES), context=contexts, layers=st.integers(0, 60))
def test_weights_and_caches_of_both_places_are_all_there_are(headers, name, context, layers):
    shape = shape_of(headers[name])
    split, here = (llama_cpp.need(shape, Settings(context, device_layers=n)) for n in (layers, 0))

    def of(need, kind):
        return sum(part.size_bytes for part in need.parts if part.kind.startswith(kind))

    copied = shape.output_bytes if shape.tied and split.device_layers else 0
    assert of(split, "weights") == of(here, "weights") + copied
    assert of(split, ("KV cache", "recurrent")) == of(here, ("KV cache", "recurrent"))


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(NAMES), free=st.integers(0, 40 * GIB))
def test_the_longest_context_fits_and_the_next_does_not(headers, name, free):
    one = engine(headers, name)
    room = Room(free, 64 * GIB)
    found = longest(one, room, None)
    good = (
        {Verdict.FITS}
        if judge(one.need(one.step, None), room, one) is Verdict.FITS
        else {Verdict.FITS, Verdict.FROM_FILE}
    )
    if found:
        assert judge(one.need(found, None), room, one) in good
    assert found <= one.context_trained
    if found < one.context_trained:
        assert judge(one.need(found + one.step, None), room, one) not in good


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(NAMES), free=st.integers(0, 40 * GIB), context=st.integers(256, 8192))
def test_the_most_layers_fit_and_one_more_does_not(headers, name, free, context):
    one = engine(headers, name, on_device=True)
    found = answer(one, context, Room(64 * GIB, 64 * GIB, "x", free, 48 * GIB))
    most, layers = found.device_layers, found.need.layers
    if most:
        assert one.need(context, most).known(Place.DEVICE) <= free
    if most <= layers:
        assert one.need(context, most + 1).known(Place.DEVICE) > free
    assert len(found.spilled) + max(most - 1, 0) == layers


def test_what_fits_whole_spills_nothing(headers):
    found = answer(engine(headers, on_device=True), 4096, Room(8 * GIB, 16 * GIB, "x", 24 * GIB, 24 * GIB))
    assert (found.verdict, found.device_layers, len(found.spilled)) == (Verdict.FITS, 33, 0)


def test_a_model_larger_than_the_memory_runs_from_its_file_and_is_not_refused(headers):
    found = answer(engine(headers), 4096, Room(3 * GIB, 16 * GIB))
    assert found.verdict is Verdict.FROM_FILE
    assert answer(engine(headers, load_mode="none"), 4096, Room(3 * GIB, 16 * GIB)).verdict is Verdict.NO
    assert answer(engine(headers, load_mode="mlock"), 4096, Room(3 * GIB, 16 * GIB)).verdict is Verdict.NO


def test_twenty_four_gib_on_the_device_do_not_ask_for_them_in_memory(headers):
    found = answer(
        engine(headers, "qwen3-30b-a3b", on_device=True), 4096, Room(2 * GIB, 16 * GIB, "x", 24 * GIB, 24 * GIB)
    )
    assert found.verdict is Verdict.FITS


def test_the_layers_that_were_asked_for_are_judged_and_no_others(headers):
    room = Room(64 * GIB, 64 * GIB, "x", 3 * GIB, 4 * GIB)
    assert answer(engine(headers, on_device=True), 4096, room).verdict is Verdict.NO
    assert answer(engine(headers, on_device=True, gpu_layers=10), 4096, room).verdict is Verdict.FITS
    assert answer(engine(headers, on_device=True, gpu_layers=-1), 4096, room).verdict is Verdict.NO


def test_a_cache_kept_in_memory_is_not_on_the_device(headers):
    need = engine(headers, on_device=True, offload_kqv=False).need(4096, None)
    assert all(part.place is Place.MEMORY for part in need.parts if part.kind == "KV cache")


def test_a_device_whose_memory_is_not_known_is_unknown_and_not_refused(headers):
    found = answer(engine(headers, on_device=True), 4096, Room(8 * GIB, 16 * GIB, "x"))
    assert (found.verdict, found.device_layers, found.longest) == (Verdict.UNKNOWN, None, None)


def test_pytorch_is_refused_by_what_is_known_and_never_promised(headers):
    one = engine(headers, runtime="pytorch", converted=True, dtype="bfloat16")
    assert answer(one, 4096, Room(8 * GIB, 16 * GIB)).verdict is Verdict.NO  # 16 GB of weights
    found = answer(one, 4096, Room(64 * GIB, 64 * GIB))
    assert (found.verdict, found.longest) == (Verdict.UNKNOWN, None)
    assert found.need.unknown == ("what PyTorch takes while it computes is not estimated",)


def test_vllm_takes_its_share_of_a_device_and_no_more(headers):
    one = engine(headers, "granite-4-h-tiny", runtime="vllm", converted=True, on_device=True, gpu_memory_percent=50)
    assert answer(one, 4096, Room(64 * GIB, 64 * GIB, "x", 24 * GIB, 24 * GIB)).verdict is Verdict.NO
    one = engine(headers, "granite-4-h-tiny", runtime="vllm", converted=True, on_device=True, gpu_memory_percent=90)
    assert answer(one, 4096, Room(64 * GIB, 64 * GIB, "x", 24 * GIB, 24 * GIB)).verdict is Verdict.UNKNOWN


def test_vllm_on_a_processor_sets_memory_aside_and_the_context_must_fit_into_it(headers):
    one = engine(headers, runtime="vllm", converted=True, dtype="bfloat16", kv_space_mib=1024)
    room = Room(64 * GIB, 64 * GIB)
    assert judge(one.need(8000, None), room, one) is Verdict.UNKNOWN  # 1,000 MiB of cache
    assert judge(one.need(8192, None), room, one) is Verdict.NO  # one token more than a GiB holds


def test_a_runtime_of_somebody_elses_is_not_guessed(headers):
    assert engine(headers, runtime="theirs") is None


def test_rearranged_types_follow_the_processor():
    assert rearranged_types(frozenset({"avx2"})) == {"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"}
    assert "Q2_K" in rearranged_types(frozenset({"avx2", "avx512f"}))
    assert {"Q8_0", "Q6_K"} <= rearranged_types(frozenset({"asimddp"}))
    assert not rearranged_types(frozenset())
