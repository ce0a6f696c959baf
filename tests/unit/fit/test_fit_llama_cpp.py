"""What llama.cpp asks for, of published models' shapes: the figures are what the pinned engine says of the same headers."""

import pytest

from harness.catalog import gguf
from harness.fit import llama_cpp
from harness.fit.llama_cpp import Settings
from harness.fit.need import Place
from harness.fit.reading import shape_of
from tests.support import real_shapes

MIB = 1 << 20
# llama.cpp of llama-cpp-python 0.3.36, `no_alloc`, 512 tokens at once: context, flash attention, caches and states, compute
# buffer; benchmarks/fit.py measures them again.
ENGINE_SAYS = {
    "llama-3.1-8b": ((4096, True, 512.0, 266.5), (32768, False, 4096.0, 2156.0)),
    "mixtral-8x7b": ((4096, True, 512.0, 204.0), (32768, False, 4096.0, 2156.0)),
    "qwen2-7b": ((4096, True, 224.0, 311.0), (32768, False, 1792.0, 1893.0)),
    "qwen3-30b-a3b": ((4096, True, 384.0, 304.75), (32768, False, 3072.0, 2142.0)),
    "gemma-2-9b": ((4096, True, 1344.0, 514.0), (32768, False, 6132.0, 1150.0)),
    "command-r7b": ((4096, True, 512.0, 524.0), (32768, False, 1456.0, 2161.0)),
    "gpt-oss-20b": ((4096, True, 114.0, 414.4), (32768, False, 786.0, 4198.4)),
    "phi-3-mini": ((4096, True, 1536.0, 90.64), (32768, False, 12288.0, 2142.0)),
    "deepseek-v2-lite": ((4096, True, 121.5, 240.26), (32768, False, 972.0, 1174.0)),
    "mamba-2.8b": ((4096, True, 23.75, 113.21), (32768, False, 23.75, 113.21)),
    "falcon-h1-1.5b": ((4096, True, 168.98, 140.0), (32768, False, 840.98, 597.01)),
    "granite-4-h-tiny": ((4096, True, 87.37, 208.0), (32768, False, 311.37, 849.0)),
    "lfm2-1.2b": ((4096, True, 48.16, 144.0), (32768, False, 384.16, 2134.0)),
    "jamba2-3b": ((4096, True, 13.65, 147.0), (32768, False, 41.65, 1364.5)),
}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    return {
        name: shape_of(gguf.read(real_shapes.write(folder / f"{name}.gguf", make())))
        for name, make in real_shapes.SHAPES.items()
    }


def size(need, *kinds):
    return sum(part.size_bytes for part in need.parts if part.kind.startswith(kinds))


CASES = [(name, *case) for name, cases in ENGINE_SAYS.items() for case in cases]


@pytest.mark.parametrize(("name", "context", "flash", "cache", "_compute"), CASES)
def test_caches_and_states_are_the_engines_to_the_last_digit(shapes, name, context, flash, cache, _compute):
    need = llama_cpp.need(shapes[name], Settings(context, flash=flash))
    assert size(need, "KV cache", "recurrent") / MIB == pytest.approx(cache, abs=0.011)


@pytest.mark.parametrize(("name", "context", "flash", "cache", "compute"), CASES)
def test_the_whole_is_the_engines_within_two_per_cent(shapes, name, context, flash, cache, compute):
    shape = shapes[name]
    need = llama_cpp.need(shape, Settings(context, flash=flash))
    output = 4 * shape.vocabulary
    engine = shape.weight_bytes + (cache + compute) * MIB + output
    assert need.total(Place.MEMORY) == pytest.approx(engine, rel=0.02)
    assert size(need, "compute") / MIB == pytest.approx(compute, rel=0.17)


def test_a_falcon_h1_keeps_attention_and_a_state_in_each_layer(shapes):
    layers = shapes["falcon-h1-1.5b"].layers
    assert {(one.k_elements, one.v_elements, one.state_elements) for one in layers} == {
        (256, 256, 3 * (3072 + 2 * 256) + 256 * 3072)
    }


def test_weights_are_counted_once(shapes):
    for name, make in real_shapes.SHAPES.items():
        types = {kind: (block, held) for kind, block, held in gguf.TYPES.values()}
        whole = 0
        for kind, dims in make()[0].values():
            elements = 1
            for one in dims:
                elements *= one
            whole += elements // types[kind][0] * types[kind][1]
        # The embedding serves as a tied head and is there once.
        tied = "output.weight" not in make()[0]
        counted = shapes[name].weight_bytes + (shapes[name].output_bytes - _table(make()[0], types) if tied else 0)
        assert counted == whole, name


def _table(tensors, types):
    kind, (width, rows) = tensors["token_embd.weight"]
    return width * rows // types[kind][0] * types[kind][1]


@pytest.mark.parametrize("kind", ["f32", "f16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"])
def test_each_type_of_cache_has_its_own_size(shapes, kind):
    bits = {"f32": 32, "f16": 16, "q8_0": 8.5, "q5_1": 6, "q5_0": 5.5, "q4_1": 5, "q4_0": 4.5}[kind]
    need = llama_cpp.need(shapes["llama-3.1-8b"], Settings(8192, type_k=kind, type_v=kind))
    assert size(need, "KV cache") == 32 * 8192 * 2048 * bits / 8


def test_a_sliding_window_keeps_a_batch_beside_it_and_no_more_than_the_context(shapes):
    def slid(**changes):
        need = llama_cpp.need(shapes["gpt-oss-20b"], Settings(**{"context": 32768, **changes}))
        return sum(p.size_bytes for p in need.parts if p.kind == "KV cache, sliding windows") // (12 * 1024 * 2)

    assert slid() == 768  # 128 + 512, in steps of 256
    assert slid(ubatch=64) == 256
    assert slid(context=512) == 512
    assert slid(swa_full=True) == 32768


def test_layers_leave_the_device_from_the_first_on(shapes):
    shape = shapes["llama-3.1-8b"]

    def on_device(layers):
        return llama_cpp.need(shape, Settings(4096, device_layers=layers))

    whole = on_device(99)
    assert whole.device_layers == 33
    assert size_at(whole, Place.DEVICE, "weights") == sum(x.weight_bytes for x in shape.layers) + shape.output_bytes
    assert size_at(whole, Place.MEMORY, "KV cache") == 0
    one = on_device(1)  # the output alone
    assert size_at(one, Place.DEVICE, "weights") == shape.output_bytes
    assert size_at(one, Place.DEVICE, "KV cache") == 0
    assert size_at(on_device(3), Place.DEVICE, "KV cache") == 2 * 4096 * 2048 * 2


def size_at(need, place, kind):
    return sum(part.size_bytes for part in need.at(place) if part.kind == kind)


def test_a_tied_head_has_a_copy_on_the_device_and_none_in_memory(shapes):
    shape = shapes["gemma-2-9b"]
    here = llama_cpp.need(shape, Settings(4096))
    assert size_at(here, Place.MEMORY, "weights") == shape.weight_bytes
    there = llama_cpp.need(shape, Settings(4096, device_layers=99))
    assert size_at(there, Place.MEMORY, "weights") == shape.input_bytes
    assert size_at(there, Place.DEVICE, "weights") > sum(x.weight_bytes for x in shape.layers) + shape.input_bytes


def test_a_shared_memory_holds_all_of_it_in_one_place(shapes):
    need = llama_cpp.need(shapes["llama-3.1-8b"], Settings(4096, device_layers=99, own_memory=False))
    assert not list(need.at(Place.DEVICE))
    assert not any(part.mapped for part in need.parts)


def test_mapped_weights_must_not_lie_and_locked_ones_must(shapes):
    shape = shapes["llama-3.1-8b"]
    mapped = llama_cpp.need(shape, Settings(4096))
    locked = llama_cpp.need(shape, Settings(4096, locked=True))
    read = llama_cpp.need(shape, Settings(4096, mapped=False))
    assert locked.must_lie(Place.MEMORY) - mapped.must_lie(Place.MEMORY) == shape.weight_bytes
    assert read.must_lie(Place.MEMORY) == locked.must_lie(Place.MEMORY)


def test_a_rearranged_copy_lies_beside_the_file_and_takes_its_place(shapes):
    shape = shapes["qwen2-7b"]
    plain, twice = (
        llama_cpp.need(shape, Settings(4096, rearranged=types)) for types in (frozenset(), frozenset({"Q4_K"}))
    )
    copied = size_at(twice, Place.MEMORY, "rearranged weights")
    assert copied == shape.type_bytes["Q4_K"]
    assert twice.total(Place.MEMORY) - plain.total(Place.MEMORY) == copied
    assert twice.resident(Place.MEMORY) == plain.resident(Place.MEMORY)
    unmapped = llama_cpp.need(shape, Settings(4096, rearranged=frozenset({"Q4_K"}), mapped=False))
    assert unmapped.total(Place.MEMORY) == plain.total(Place.MEMORY)


def test_a_reserved_buffer_takes_only_what_is_filled(shapes):
    need = llama_cpp.need(shapes["llama-3.1-8b"], Settings(4096))
    part = next(p for p in need.parts if p.kind == "compute buffer")
    assert part.written < part.size_bytes / 2
    # A GPU's buffer is taken when it is made.
    need = llama_cpp.need(shapes["llama-3.1-8b"], Settings(4096, device_layers=99))
    part = next(p for p in need.at(Place.DEVICE) if p.kind == "compute buffer")
    assert part.must_lie == part.size_bytes


# The same dry run with `n_seq_max`, 4,096 tokens a sequence: sequences, caches and states, output buffer.
SEVERAL = {
    "llama-3.1-8b": ((4, 2048.0, 1.96), (8, 4096.0, 3.91)),
    "gemma-2-9b": ((4, 5376.0, 3.91), (8, 10752.0, 7.81)),
    "mamba-2.8b": ((4, 95.0, 0.77), (8, 190.0, 1.53)),
    "granite-4-h-tiny": ((4, 349.48, 1.53), (8, 698.97, 3.06)),
}


@pytest.mark.parametrize(("name", "sequences", "cache", "output"), [(n, *c) for n, cs in SEVERAL.items() for c in cs])
def test_each_sequence_has_caches_of_its_own_as_the_engine_says(shapes, name, sequences, cache, output):
    need = llama_cpp.need(shapes[name], Settings(4096, sequences=sequences))
    alone = llama_cpp.need(shapes[name], Settings(4096))
    assert size(need, "KV cache", "recurrent") / MIB == pytest.approx(cache, abs=0.011)
    assert size(need, "output") / MIB == pytest.approx(output, abs=0.011)
    assert size(need, "compute") == size(alone, "compute")
