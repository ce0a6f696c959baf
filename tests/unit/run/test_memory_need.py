"""The check of memory before a run: refused is only what can't run where it is going to lie, with the setting that mends it."""

import pytest

from harness.capture.rooms import GpuRoom, Rooms
from harness.catalog import gguf
from harness.errors import NotEnoughSpace
from harness.progress import SILENT
from harness.run.prepare import memory_need
from harness.run.prepare.backend import Toolbox
from harness.run.prepare.memory_need import Load
from runtimes.llama_cpp import LlamaCpp
from runtimes.llama_server import LlamaServer
from runtimes.mlx import MLX
from runtimes.openai_http import OpenAIHTTP
from runtimes.openvino import OpenVINO
from runtimes.pytorch import PyTorch
from runtimes.simulated import Simulated
from runtimes.vllm import VLLM
from tests.support import real_shapes

GIB = 1 << 30
DEFAULTS = {"context": 4096, "type_k": "f16", "type_v": "f16", "ubatch": 512, "batch": 2048, "repack": True}


@pytest.fixture(scope="module")
def header(tmp_path_factory):
    return gguf.read(real_shapes.write(tmp_path_factory.mktemp("shapes") / "m.gguf", real_shapes.llama_8b()))


class Heard:
    def __init__(self):
        self.remarks = []

    def stage(self, text):
        pass

    advance = stage

    def remark(self, text):
        self.remarks.append(text)


@pytest.fixture
def check(header, monkeypatch):
    """The check of an 8B model on a machine of that memory; what was remarked."""

    def run(
        adapter=LlamaCpp,
        backend="cpu",
        memory=16,
        gpus=(),
        features=(),
        box=None,
        least=1,
        converted=False,
        why="",
        drafts=(),
        **options,
    ):
        rooms = Rooms(
            int(memory * GIB), 32 * GIB, gpus and tuple(GpuRoom(n, int(f * GIB), int(t * GIB)) for n, f, t in gpus), why
        )
        monkeypatch.setattr(memory_need, "read_rooms", lambda *_: rooms)
        monkeypatch.setattr(memory_need, "features_of", lambda _: frozenset(features))
        if box is not None:
            monkeypatch.setattr(memory_need.backends, "look", lambda: box)
        heard = Heard()
        load = Load(adapter(), backend, DEFAULTS | options, header, "m.gguf", converted, least, drafts)
        memory_need.refuse_if_short(load, heard)
        return heard.remarks

    return run


def refused(check, **changes):
    with pytest.raises(NotEnoughSpace) as caught:
        check(**changes)
    return str(caught.value)


CARD = (("RTX 4060", 7.5, 8),)


def test_a_model_that_fits_is_not_remarked_on(check):
    assert check() == []


def test_weights_larger_than_the_memory_are_read_from_the_file_with_a_remark(check):
    (remark,) = check(memory=3)
    assert "read again from disk" in remark


def test_a_draft_takes_its_part_of_the_same_memory(check, header):
    alone = {"adapter": LlamaServer, "memory": 3, "context": 16384}
    check(**alone)
    said = refused(check, **alone, drafts=(header,))  # the model drafts for itself: everything twice
    assert "the model needs about 4,361 MiB of memory (KV cache 2,048 MiB" in said
    assert "KV cache of the draft 2,048 MiB" in said
    assert said.endswith("set -o context=11264, the longest context that fits")
    check(**alone | {"context": 11264}, drafts=(header,))
    said = refused(check, **alone, least=16384, drafts=(header,))
    assert said.endswith("take a smaller draft, or leave it out")
    # On a GPU it lies where the model does, whole, however many layers of the model do; with none there, in memory.
    card = {"adapter": LlamaServer, "backend": "cuda", "memory": 16, "gpus": CARD, "context": 4096, "drafts": (header,)}
    assert "of GPU memory" in refused(check, **card)
    assert "of GPU memory" not in str(check(**card, gpu_layers=0))


@pytest.mark.parametrize("mode", ["none", "mlock", "direct-io"])
def test_weights_that_must_lie_in_memory_are_refused_there(check, mode):
    assert "the model needs about" in refused(check, memory=3, load_mode=mode)


def test_a_cache_that_does_not_fit_is_refused_with_the_longest_context_that_does(check):
    said = refused(check, memory=4, context=131072)
    assert said.startswith("m.gguf: the model needs about 16.2 GiB of memory (KV cache 16.0 GiB")
    assert "set -o context=" in said
    longest = int(said.partition("-o context=")[2].partition(",")[0])
    assert 0 < longest < 131072
    check(memory=4, context=longest)
    refused(check, memory=4, context=longest + 256)


def test_a_context_that_the_suite_needs_is_not_advised_away(check):
    said = refused(check, memory=4, context=65536, least=65536)
    assert "set -o" not in said  # nothing helps
    assert "take a smaller model" in said
    said = refused(check, memory=5, context=40960, least=40960)
    assert "set -o type_k=q8_0 -o type_v=q8_0" in said
    check(memory=5, context=40960, least=40960, type_k="q8_0", type_v="q8_0")


def test_weights_that_could_be_mapped_are_advised_to_be(check):
    said = refused(check, memory=3, load_mode="none", features={"avx2"})
    assert "set -o load_mode=auto -o repack=false" in said
    check(memory=3, load_mode="auto", repack=False, features={"avx2"})


def test_a_smaller_type_of_cache_that_fits_is_not_refused(check):
    refused(check, memory=5, context=40960)
    check(memory=5, context=40960, type_k="q8_0", type_v="q8_0")


def test_a_copy_of_the_weights_that_does_not_fit_can_be_left_out(check):
    said = refused(check, memory=3, features={"avx2"})
    assert "set -o repack=false" in said
    check(memory=3, features={"avx2"}, repack=False)


def test_sixteen_gib_of_memory_under_a_large_card_are_enough(check):
    assert check(backend="cuda", memory=1, gpus=(("RTX 4090", 23.5, 24),)) == []


def test_a_card_that_is_too_small_is_refused_with_the_layers_that_fit(check):
    said = refused(check, backend="cuda", gpus=(("RTX 3050", 4, 4),))
    assert "of GPU memory" in said
    assert "4,096 MiB of RTX 3050 are free" in said
    layers = int(said.partition("-o gpu_layers=")[2].partition(",")[0])
    check(backend="cuda", gpus=(("RTX 3050", 4, 4),), gpu_layers=layers)
    refused(check, backend="cuda", gpus=(("RTX 3050", 4, 4),), gpu_layers=layers + 1)


def test_a_cache_too_large_for_the_card_is_refused_with_the_context(check):
    said = refused(check, backend="cuda", gpus=CARD, context=32768)
    assert "set -o context=" in said


def test_what_the_settings_keep_off_the_card_is_not_asked_of_it(check):
    check(backend="cuda", gpus=CARD, gpu_layers=0)
    check(backend="cuda", gpus=(("RTX 4060", 5, 8),), context=16384, offload_kqv=False)
    refused(check, backend="cuda", gpus=(("RTX 4060", 5, 8),), context=16384)


def test_several_cards_share_a_model(check):
    check(backend="cuda", gpus=(("RTX 3050", 4, 4), ("RTX 3050", 4, 4)))


@pytest.mark.parametrize("options", [{"devices": "CUDA0"}, {"split_mode": "none"}, {"tensor_split": "1,0"}])
def test_a_card_that_is_not_taken_is_no_room(check, options):
    cards = (("RTX 3050", 4, 4), ("RTX 4090", 24, 24))
    assert "of RTX 3050 are free" in refused(check, backend="cuda", gpus=cards, **options)
    check(backend="cuda", gpus=cards)


def test_without_a_device_the_machines_memory_is_the_room(check):
    cards = (("RTX 4090", 24, 24),)
    said = refused(check, backend="cuda", gpus=cards, memory=3, devices="none", load_mode="none")
    assert "GPU" not in said
    said = refused(check, backend="cuda", memory=3, why="CUDA_VISIBLE_DEVICES hides every device", load_mode="none")
    assert "GPU" not in said


def test_a_card_whose_memory_is_not_told_is_not_refused(check):
    assert check(backend="vulkan", gpus=None) == []


def test_a_shared_memory_is_asked_for_all(check):
    refused(check, backend="metal", memory=4)
    check(backend="metal", memory=8)


def test_an_interpreter_of_ones_own_is_asked_only_where_it_computes_is_known(check):
    nothing = Toolbox("Linux", "x86_64", False, frozenset())
    card = Toolbox("Linux", "x86_64", True, frozenset())
    assert check(backend="", memory=0.1, box=card) == []
    refused(check, backend="", memory=0.1, box=nothing)


@pytest.mark.parametrize("adapter", [OpenAIHTTP, Simulated])
def test_what_holds_no_model_asks_for_nothing(check, adapter):
    assert check(adapter=adapter, backend="", memory=0) == []


def test_pytorch_is_refused_where_weights_and_cache_alone_do_not_fit(check):
    assert "weights 15.0 GiB" in refused(check, adapter=PyTorch, converted=True, device="cpu", memory=12)
    assert check(adapter=PyTorch, converted=True, device="cpu", memory=20) == []
    said = refused(
        check, adapter=PyTorch, backend="cuda", converted=True, device="cuda:1", gpus=(("A", 40, 40), ("B", 8, 8))
    )
    assert "of B are free" in said
    check(adapter=PyTorch, backend="cuda", converted=True, device="cuda:0", gpus=(("A", 40, 40), ("B", 8, 8)))


def test_vllm_is_told_how_much_to_set_aside(check):
    said = refused(check, adapter=VLLM, converted=True, memory=64, context=16384, kv_space_mib=1024)
    assert "set -o kv_space_mib=2049" in said
    check(adapter=VLLM, converted=True, memory=64, context=16384, kv_space_mib=2049)


def test_a_gpu_of_unknown_memory_is_not_held_to_the_machines(check):
    refused(check, adapter=OpenVINO, memory=1, device="CPU")
    assert check(adapter=OpenVINO, memory=1, device="GPU.1") == []
    refused(check, adapter=MLX, backend="metal", memory=1, device="gpu", converted=True)


def test_openvino_is_told_how_much_to_set_aside(check):
    said = refused(check, adapter=OpenVINO, memory=64, context=16384, kv_cache_dtype="f16", kv_space_gib=1)
    assert "set -o kv_space_gib=2" in said
    check(adapter=OpenVINO, memory=64, context=16384, kv_cache_dtype="f16", kv_space_gib=2)


def test_a_silent_progress_will_do(header):
    load = Load(Simulated(), "", {}, header, "m.gguf")
    memory_need.refuse_if_short(load, SILENT)
