"""The memory of the cards and slices that CUDA shows an engine, on a stand-in for the driver's library with several cards."""

import pytest

from tests.support.nvml_cards import GB10, SLICES, T4_SERVER, asked, compiled, cut, h100, t4

GIB = 1 << 30
ROOMS = """
import json, os
from harness.capture.rooms import read_rooms
from harness.capture.source import this_machine
found = read_rooms(this_machine(), "{backend}", os.environ)
print(json.dumps([found.gpus, found.why, found.ordered, found.hidden]))
"""
MIXED = (t4(0, "0000:3B:00.0"), h100(1, "0000:86:00.0") | {"used": 20 * GIB})
T4, H100 = (one["uuid"] for one in MIXED)
BY_PLACE = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def rooms(library):
    def read(*cards, backend="cuda", **environment):
        return asked(ROOMS.format(backend=backend), *cards, library=library, **environment)

    return read


def test_all_cards_are_there_in_an_order_that_is_cudas_own(rooms):
    gpus, why, ordered, _ = rooms(*MIXED)
    assert [(name, free, total) for name, free, total, *_ in gpus] == [
        ("NVIDIA T4", 16 * GIB, 16 * GIB),
        ("NVIDIA H100 80GB HBM3", 60 * GIB, 80 * GIB),
    ]
    assert [place for *_, place, _ in gpus] == ["0000:3b:00.0", "0000:86:00.0"]
    assert (why, ordered) == ("", False)
    assert rooms(*MIXED, **BY_PLACE)[2] is True


@pytest.mark.parametrize(
    ("shown", "ids"),
    [
        ("1", [H100]),
        ("1,0", [H100, T4]),
        ("0,9,1", [T4]),
        (H100, [H100]),
        ("GPU-00000074", [T4]),
        ("0,0", []),
        ("", []),
        ("-1", []),
    ],
)
def test_only_what_cuda_shows_counts_and_a_card_twice_hides_all(rooms, shown, ids):
    gpus, why, ordered, hidden = rooms(*MIXED, CUDA_VISIBLE_DEVICES=shown, **BY_PLACE)
    assert [one[4] for one in gpus] == ids
    assert (ordered, hidden, bool(why)) == (True, not ids, not ids)


def test_a_number_in_cudas_own_order_is_not_that_of_the_library(rooms):
    gpus, why, *_ = rooms(*MIXED, CUDA_VISIBLE_DEVICES="0")
    assert gpus is None
    assert "CUDA_DEVICE_ORDER=PCI_BUS_ID" in why


def test_a_slice_has_the_memory_of_the_slice(rooms):
    gpus, *_ = rooms(cut(0, "0000:1A:00.0"), CUDA_VISIBLE_DEVICES=SLICES[1])
    assert [(free, total, uuid) for _, free, total, _, uuid in gpus] == [(8 * GIB, 10 * GIB, SLICES[1])]
    gpus, why, *_ = rooms(cut(0, "0000:1A:00.0"))
    assert gpus is None
    assert "MIG" in why


def test_variables_of_others_hide_nothing_from_cuda_and_cudas_nothing_from_vulkan(rooms):
    others = {"HIP_VISIBLE_DEVICES": "", "ROCR_VISIBLE_DEVICES": "0", "GGML_VK_VISIBLE_DEVICES": "0"}
    assert len(rooms(*T4_SERVER, **others)[0]) == 4
    assert len(rooms(*T4_SERVER, backend="vulkan", CUDA_VISIBLE_DEVICES="")[0]) >= 4


def test_a_card_that_tells_no_memory_makes_all_of_it_unknown(rooms):
    gpus, why, *_ = rooms(GB10, *T4_SERVER)
    assert gpus is None
    assert why == "NVIDIA's management library does not answer for each of its cards"
