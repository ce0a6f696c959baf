"""Of several cards only those count that the run will use; where that can't be told from its settings, nothing is known."""

import pytest

from harness.capture.rooms import GpuRoom
from harness.run.prepare.gpu_room import NUMBERED, taken
from runtimes.llama_cpp import LlamaCpp
from runtimes.llama_server import LlamaServer
from runtimes.pytorch import PyTorch
from runtimes.vllm import VLLM

GIB = 1 << 30
SMALL = GpuRoom("RTX 3060", 11 * GIB, 12 * GIB, "0000:01:00.0", "GPU-aaaa1111-0000-0000-0000-000000000000")
LARGE = GpuRoom("RTX 4090", 23 * GIB, 24 * GIB, "0000:41:00.0", "GPU-bbbb2222-0000-0000-0000-000000000000")
BOTH = (SMALL, LARGE)
ALIKE = tuple(SMALL._replace(free=(11 * GIB) + index, place=f"0000:0{index}:00.0") for index in range(4))


def room(gpus=BOTH, ordered=True, adapter=LlamaCpp, **options):
    found = taken(adapter(), options, gpus, ordered)
    return found if isinstance(found, str) else (found.name, found.free / GIB, found.total / GIB)


@pytest.mark.parametrize("adapter", [LlamaCpp, LlamaServer])
@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, ("2 GPUs", 34, 36)),
        ({"devices": "CUDA1"}, ("RTX 4090", 23, 24)),
        ({"devices": "1,0"}, ("2 GPUs", 34, 36)),
        ({"devices": "0000:41:00.0"}, ("RTX 4090", 23, 24)),
        ({"devices": "41:00.0"}, ("RTX 4090", 23, 24)),
        ({"devices": "GPU-aaaa1111"}, ("RTX 3060", 11, 12)),
        ({"split_mode": "none"}, ("RTX 3060", 11, 12)),
        ({"split_mode": "none", "main_gpu": 1}, ("RTX 4090", 23, 24)),
        ({"split_mode": "none", "devices": "CUDA1,CUDA0"}, ("RTX 4090", 23, 24)),
        ({"split_mode": "row", "main_gpu": 1}, ("2 GPUs", 34, 36)),
        ({"tensor_split": "1,0"}, ("RTX 3060", 11, 12)),
        ({"tensor_split": "0/1"}, ("RTX 4090", 23, 24)),
        ({"tensor_split": "1,1"}, ("2 GPUs", 22, 24)),
        ({"tensor_split": "1,3"}, ("2 GPUs", pytest.approx(23 / 0.75), 32)),
    ],
)
def test_llama_cpp_takes_the_cards_that_its_options_name(adapter, options, found):
    assert room(adapter=adapter, **options) == found


@pytest.mark.parametrize(
    "options",
    [
        {"devices": "CUDA7"},
        {"devices": "CUDA0,CUDA0"},
        {"devices": "Vulkan0"},
        {"devices": "0000:99:00.0"},
        {"split_mode": "none", "main_gpu": 5},
        {"tensor_split": "1"},
        {"tensor_split": "x,1"},
        {"tensor_split": "0,0"},
    ],
)
def test_a_choice_that_means_no_known_card_is_not_known(options):
    assert "is not" in room(**options)


@pytest.mark.parametrize(
    ("adapter", "options"),
    [
        (LlamaCpp, {"devices": "CUDA1"}),
        (LlamaCpp, {"split_mode": "none"}),
        (LlamaCpp, {"tensor_split": "1,0"}),
        (PyTorch, {"device": "auto"}),
        (PyTorch, {"device": "cuda:1"}),
        (VLLM, {"tensor_parallel": 1}),
    ],
)
def test_the_number_of_unlike_cards_means_nothing_where_cuda_has_its_own_order(adapter, options):
    assert room(ordered=False, adapter=adapter, **options) == NUMBERED
    assert isinstance(room(ordered=True, adapter=adapter, **options), tuple)


def test_of_cards_alike_any_will_do():
    assert room(ALIKE, False, VLLM, tensor_parallel=2) == ("RTX 3060 ×2", 22, 24)
    assert room(ALIKE, False, split_mode="none") == ("RTX 3060", 11, 12)
    busy = (*ALIKE[:3], ALIKE[3]._replace(free=GIB))
    assert room(busy, False, split_mode="none") == NUMBERED


def test_all_of_them_need_no_order():
    assert room(ordered=False) == ("2 GPUs", 34, 36)
    assert room(ordered=False, adapter=VLLM, tensor_parallel=2) == ("2 GPUs", 22, 24)
    assert room((LARGE,), False, PyTorch, device="auto") == ("RTX 4090", 23, 24)


def test_each_gpu_of_vllm_holds_as_much_as_the_others():
    assert room(adapter=VLLM, tensor_parallel=2) == ("2 GPUs", 22, 24)
    assert "is not among the 2" in room(adapter=VLLM, tensor_parallel=4)
