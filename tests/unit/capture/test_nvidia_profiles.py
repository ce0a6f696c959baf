"""Which cards an engine's ids mean, and what their meters tell, on cards with the values of NVIDIA's own mock profiles."""

import pytest

from tests.support.nvml_cards import (
    GB10,
    GB200,
    HGX_H100,
    MIB,
    ORIN,
    SLICES,
    T4_SERVER,
    asked,
    compiled,
    cut,
    h100,
    t4,
)

SAMPLE = """
import json, sys
from harness.capture.meters import Nvidia
meter = Nvidia.open(frozenset({{1}}), {ids})
print(json.dumps(None if meter is None else [meter.totals(), meter.sample()]))
"""
CAPTURE = """
import json
from harness.capture.gpu import read_gpus
from harness.capture.facts import to_plain
from harness.capture.source import this_machine
print(json.dumps(to_plain(read_gpus(this_machine()).nvidia)))
"""
PLACES = """
import json
from harness.capture.nvidia import places_of
print(json.dumps(places_of({ids})))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("nvml"))


def sampled(library, cards, ids, **extra):
    return asked(SAMPLE.format(ids=ids), *cards, library=library, **extra)


def test_two_of_eight_cards_are_metered_by_their_places_and_not_the_first_two(library):
    cards = [*HGX_H100]
    cards[4] = h100(4, "0000:8A:00.0") | {"power": 650_000, "sm": 1980, "degrees": 71, "used": 40 << 30}
    cards[7] = h100(7, "0000:CB:00.0") | {"power": 600_000, "sm": 1755, "degrees": 66, "used": 30 << 30}
    _, sample = sampled(library, cards, ["0000:cb:00.0", "0000:8a:00.0"])  # CUDA's order is not the library's
    assert sample["power_mw"] == 1_250_000
    assert sample["sm_clock_hz"] == 1_755_000_000
    assert sample["temperature_mc"] == 71_000
    assert sample["memory_used_bytes"] == 70 << 30
    assert (sample["gpu0_power_mw"], sample["gpu1_power_mw"]) == (600_000, 650_000)
    assert (sample["gpu0_temperature_mc"], sample["gpu1_temperature_mc"]) == (66_000, 71_000)
    assert (sample["gpu0_memory_used_bytes"], sample["gpu1_sm_clock_hz"]) == (30 << 30, 1_980_000_000)


def test_places_of_any_width_and_ids_mean_the_same_card(library):
    cards = [*T4_SERVER[:3], t4(3, "0000:D8:00.0") | {"power": 65_000}]
    for one in ("0000:d8:00.0", "00000000:D8:00.0", "GPU-00000074-0000-0000-0000-000000000003"):
        assert sampled(library, cards, [one])[1]["power_mw"] == 65_000


def test_a_device_that_the_library_does_not_know_leaves_no_sum_that_would_be_taken_for_all(library):
    totals, sample = sampled(library, T4_SERVER, ["0000:3b:00.0", "0000:ff:00.0"])
    assert "power_mw" not in sample
    assert "device_energy_uj" not in totals
    assert sample["gpu0_power_mw"] == 12_000
    assert "gpu1_power_mw" not in sample
    assert sampled(library, T4_SERVER, ["0000:ff:00.0"]) is None
    assert sampled(library, T4_SERVER, ["GPU-ffffffff-0000-0000-0000-000000000000"]) is None


def test_where_the_engine_tells_no_ids_only_a_single_visible_card_is_metered(library):
    assert sampled(library, T4_SERVER, []) is None
    assert sampled(library, T4_SERVER, [], CUDA_VISIBLE_DEVICES="2") is None  # which that is only CUDA knows
    one = sampled(library, T4_SERVER, [], CUDA_VISIBLE_DEVICES="2", CUDA_DEVICE_ORDER="PCI_BUS_ID")
    assert one[1]["power_mw"] == 12_000
    assert sampled(library, T4_SERVER, [], CUDA_VISIBLE_DEVICES=T4_SERVER[1]["uuid"])[1]["power_mw"] == 12_000
    assert sampled(library, T4_SERVER[:1], [])[1]["power_mw"] == 12_000
    assert sampled(library, T4_SERVER[:1], [], CUDA_VISIBLE_DEVICES="-1") is None


def test_fields_that_a_card_does_not_support_are_left_out_and_nothing_is_put_in_their_place(library):
    _, sample = sampled(library, [GB10], ["000f:01:00.0"])
    assert sample == {
        "sm_clock_hz": 2_405_000_000,
        "temperature_mc": 35_000,
        "power_mw": 11_170,
        "throttle_reasons": 0,
        "strangers": 0,
    }
    totals, sample = sampled(library, [ORIN], [])
    assert set(sample) <= {"throttle_reasons", "strangers"}
    assert "device_energy_uj" not in totals


def test_power_of_one_card_that_tells_it_is_not_the_power_of_two(library):
    silent = GB10 | {"uuid": "GPU-ffff0000-0000-0000-0000-000000000000", "bus": "000E:01:00.0", "power": "-"}
    totals, sample = sampled(library, [GB10, silent], ["000f:01:00.0", "000e:01:00.0"])
    assert "power_mw" not in sample
    assert "device_energy_uj" not in totals
    assert sample["gpu0_power_mw"] == 11_170
    assert sample["sm_clock_hz"] == 2_405_000_000


@pytest.mark.parametrize("named", [SLICES[1], f"GPU-{SLICES[1][4:]}"])
def test_a_slice_has_its_own_memory_its_cards_clock_and_no_power(library, named):
    totals, sample = sampled(library, [cut(0, "0000:1A:00.0", strangers=3)], [named])
    assert sample["memory_used_bytes"] == 2048 * MIB
    assert sample["sm_clock_hz"] == 345_000_000
    assert sample["strangers"] == 0  # who computes on the card's other slices is none
    assert "power_mw" not in sample
    assert "device_energy_uj" not in totals


def test_the_place_of_a_cut_card_means_the_slice_that_an_engine_sees(library):
    cards = [cut(0, "0000:1A:00.0")]
    _, sample = sampled(library, cards, ["0000:1a:00.0"], CUDA_VISIBLE_DEVICES=SLICES[0])
    assert sample["memory_used_bytes"] == 1024 * MIB
    _, unknown = sampled(library, cards, ["0000:1a:00.0"])  # one of two: nobody says which
    assert "memory_used_bytes" not in unknown
    assert "strangers" not in unknown
    assert "power_mw" not in unknown
    assert unknown["temperature_mc"] == 34_000
    _, single = sampled(library, [cut(0, "0000:1A:00.0", 1)], ["0000:1a:00.0"])
    assert single["memory_used_bytes"] == 1024 * MIB


def test_what_is_captured_of_each_card_says_who_works_there_and_which_an_engine_sees(library):
    busy = h100(1, "0000:1B:00.0") | {"busy": 97, "strangers": 2, "used": 60 << 30}
    found = asked(
        CAPTURE,
        h100(0, "0000:1A:00.0"),
        busy,
        GB10,
        library=library,
        CUDA_VISIBLE_DEVICES="GPU-01000100-0000-0000-0000-000000000000",
    )["value"]
    assert [one["visible"]["value"] for one in found] == [True, False, False]
    assert (found[1]["busy_percent"]["value"], found[1]["processes"]["value"]) == (97, 2)
    assert found[1]["memory_used_bytes"]["value"] == 60 << 30
    assert found[2]["memory_bytes"] == {"value": None, "reason": "the NVIDIA management library says: Not Supported"}
    assert found[2]["power_limit_mw"]["value"] is None
    assert found[0]["power_limit_mw"]["value"] == 700_000
    assert "GPU-0100" not in str(found)
    assert "1a:00" not in str(found).lower()


def test_a_cut_card_is_captured_as_one_and_which_of_its_slices_is_seen_may_be_unknown(library):
    cards = (cut(0, "0000:1A:00.0"), GB200)
    found = asked(CAPTURE, *cards, library=library)["value"]
    assert (found[0]["mig"]["value"], found[0]["slices"]["value"]) == (True, 2)
    assert found[0]["visible"]["value"] is None
    assert "MIG" in found[0]["visible"]["reason"]
    named = asked(CAPTURE, *cards, library=library, CUDA_VISIBLE_DEVICES=SLICES[0])["value"]
    assert [one["visible"]["value"] for one in named] == [True, False]


def test_an_id_or_its_beginning_means_the_place_of_one_card(library):
    whole, short = GB200["uuid"], "GPU-00000b20"
    found = asked(PLACES.format(ids=[whole, short, "GPU-00000074", "GPU-nobody"]), GB200, *T4_SERVER, library=library)
    assert found == {whole: "0008:01:00.0", short: "0008:01:00.0"}
