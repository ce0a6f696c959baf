"""Cards named by NVIDIA's ids reach the worker as places, and neither is published."""

import pytest

from harness.errors import BadInput
from harness.run.conclude.head import public_value
from harness.run.prepare.backend import wants_gpu
from harness.run.prepare.device_choice import with_places

UUID = "GPU-01000100-0000-0000-0000-000000000002"
KNOWN = {UUID: "0000:4a:00.0", "GPU-01000100-0000-0000-0000-000000000003": "0000:4b:00.0"}


def places_of(uuids):
    return {one: KNOWN[one] for one in uuids if one in KNOWN}


def test_ids_become_places_and_other_names_stay():
    given = {"devices": f"CUDA0, {UUID}", "threads": 4}
    assert with_places(given, places_of) == {"devices": "CUDA0,0000:4a:00.0", "threads": 4}
    for kept in ({}, {"devices": "CUDA0,1"}, {"devices": None}, {"devices": "0000:4a:00.0"}):
        assert with_places(kept, places_of) == kept


@pytest.mark.parametrize("asked", ["GPU-ffffffff", f"{UUID},GPU-01000100"])
def test_an_id_of_no_card_or_of_several_is_refused(asked):
    with pytest.raises(BadInput, match="no card of this machine, or several") as caught:
        with_places({"devices": asked}, places_of)
    assert "nvidia-smi -L" in caught.value.fix


def test_a_slice_is_chosen_by_the_variable():
    with pytest.raises(BadInput, match="whole process") as caught:
        with_places({"devices": "MIG-90443af0-2fe6-57fb-86fe-54186d5a6581"}, places_of)
    assert "CUDA_VISIBLE_DEVICES=MIG-90443af0" in caught.value.fix


@pytest.mark.parametrize(
    "value", [UUID, "CUDA0,0000:4a:00.0", "0000004A:00:00.0", "MIG-90443af0-2fe6-57fb-86fe-54186d5a6581"]
)
def test_an_id_or_a_place_is_not_in_a_record(value):
    assert public_value(value) == "named by id"


@pytest.mark.parametrize("value", ["CUDA0,CUDA1", "0,1", "3,1", "none", "auto", 4, None, "http://127.0.0.1:8080/v1"])
def test_what_names_no_card_is_recorded_as_it_is(value):
    assert public_value(value) == value


def test_layers_on_a_device_that_is_named_are_no_claim_of_a_gpu():
    assert wants_gpu("", {"gpu_layers": -1}) == "-o gpu_layers=-1"
    assert wants_gpu("", {"gpu_layers": -1, "devices": "Vulkan0"}) == ""
    assert wants_gpu("vulkan", {"devices": "Vulkan0"}) == "--backend vulkan"
