"""Each runtime of ours that holds a model has an estimate: what is known of it, and what is not, by name."""

import pytest

from harness.catalog import gguf
from harness.fit.answer import Verdict, judge
from harness.fit.engine import Asked
from harness.fit.engines import engine_of
from harness.fit.need import Place
from harness.fit.room import Room
from runtimes.table import BUILT_IN, find
from tests.support import real_shapes

GIB = 1 << 30
NAMES = ("llama-3.1-8b", "gemma-2-9b", "deepseek-v2-lite")
# K and V of 32 layers with 8 heads of 128, two bytes an element.
OF_A_TOKEN = 32 * 2 * 8 * 128 * 2


@pytest.fixture(scope="module")
def headers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    return {n: gguf.read(real_shapes.write(folder / f"{n}.gguf", real_shapes.SHAPES[n]())) for n in NAMES}


@pytest.fixture
def needed(headers):
    def read(runtime, name="llama-3.1-8b", context=4096, converted=False, **options):
        one = engine_of(Asked(runtime, headers[name], options, converted=converted))
        return {part.kind: part for part in one.need(context, None).parts}

    return read


def test_every_adapter_of_ours_that_holds_a_model_has_one(headers):
    header = headers["llama-3.1-8b"]
    holding = [name for name in BUILT_IN if find(name).capabilities.holds_model]
    assert {"mlx", "openvino", "mistralrs"} <= set(holding)
    assert [name for name in holding if engine_of(Asked(name, header, {})) is None] == []
    assert engine_of(Asked("somebody-elses", header, {})) is None


@pytest.mark.parametrize("runtime", ["mlx", "openvino", "mistralrs", "pytorch", "vllm"])
def test_what_it_takes_while_it_computes_is_unknown_by_name(needed, runtime):
    part = needed(runtime, converted=runtime in ("mlx", "pytorch", "vllm"))["working memory"]
    assert part.size_bytes is None
    assert part.unknown.endswith("takes while it computes is not estimated")


def test_the_cache_of_mlx_comes_in_steps_and_its_weights_in_the_type_that_is_asked_for(needed, headers):
    parameters = sum(tensor.elements for tensor in headers["llama-3.1-8b"].tensors)
    parts = needed("mlx", context=1000, converted=True, dtype="float16")
    assert parts["weights"].size_bytes == 2 * parameters
    assert parts["KV cache"].size_bytes == 1024 * OF_A_TOKEN
    assert needed("mlx", context=1000, converted=True, dtype="float32")["KV cache"].size_bytes == 2 * 1024 * OF_A_TOKEN


@pytest.mark.parametrize(
    ("runtime", "option", "width"),
    [
        ("openvino", {"kv_cache_dtype": "f16"}, 1),
        ("openvino", {"kv_cache_dtype": "f32"}, 2),
        ("mistralrs", {"dtype": "f32"}, 2),
    ],
)
def test_of_a_gguf_the_cache_is_known_where_its_type_is(needed, headers, runtime, option, width):
    parts = needed(runtime, **option)
    assert parts["KV cache"].size_bytes == width * 4096 * OF_A_TOKEN
    in_file = sum(tensor.n_bytes for tensor in headers["llama-3.1-8b"].tensors)
    assert 0.999 * in_file < parts["weights"].size_bytes <= in_file  # norms of f32 may be kept as f16


@pytest.mark.parametrize(
    ("runtime", "options", "words"),
    [
        ("openvino", {}, "-o kv_cache_dtype=f16 sets it"),
        ("openvino", {"kv_cache_dtype": "u8"}, "with its scales is not known"),
        ("mistralrs", {}, "-o dtype=f32 sets it"),
    ],
)
def test_a_type_that_the_engine_chooses_leaves_the_cache_unknown(needed, runtime, options, words):
    part = needed(runtime, **options)["KV cache"]
    assert part.size_bytes is None
    assert words in part.unknown


@pytest.mark.parametrize(("runtime", "kind"), [("openvino", "unpacked weights"), ("mistralrs", "unpacked embedding")])
def test_what_an_engine_unpacks_is_unknown_by_name(needed, runtime, kind):
    part = needed(runtime)[kind]
    assert part.size_bytes is None
    assert "unpack" in part.unknown


@pytest.mark.parametrize(
    ("runtime", "options"),
    [("mlx", {"dtype": "bfloat16"}), ("openvino", {"kv_cache_dtype": "f16"}), ("mistralrs", {"dtype": "f16"})],
)
def test_layers_with_a_window_and_compressed_caches_are_each_engines_own(needed, runtime, options):
    for name in ("gemma-2-9b", "deepseek-v2-lite"):
        part = needed(runtime, name, **options)["KV cache"]
        assert part.size_bytes is None
        assert part.unknown


@pytest.mark.parametrize("runtime", ["mlx", "openvino", "mistralrs"])
def test_it_is_refused_by_what_is_known_and_never_promised(headers, runtime):
    one = engine_of(Asked(runtime, headers["llama-3.1-8b"], {}))
    need = one.need(4096, None)
    assert need.must_lie(Place.MEMORY) > 4 * GIB
    assert judge(need, Room(4 * GIB, 8 * GIB), one) is Verdict.NO
    assert judge(need, Room(256 * GIB, 256 * GIB), one) is Verdict.UNKNOWN


def test_what_is_set_aside_for_openvinos_cache_bounds_the_context(headers):
    one = engine_of(Asked("openvino", headers["llama-3.1-8b"], {"kv_cache_dtype": "f16", "kv_space_gib": 1}))
    room = Room(256 * GIB, 256 * GIB)
    assert judge(one.need(GIB // OF_A_TOKEN, None), room, one) is Verdict.UNKNOWN
    assert judge(one.need(GIB // OF_A_TOKEN + 1, None), room, one) is Verdict.NO
