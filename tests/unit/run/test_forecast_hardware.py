"""Which part of the device table this machine's GPUs are, and which kernels run on a part."""

from types import SimpleNamespace

import pytest

from harness.capture.facts import known, unknown
from harness.capture.rooms import GpuRoom, Rooms
from harness.catalog import devices
from harness.catalog.devices import GIB
from harness.errors import BadInput
from harness.fit.room import Room
from harness.forecast.evidence import FAMILIES
from harness.run.prepare import forecast_hardware, memory_need
from harness.run.prepare.fit import Question
from harness.run.prepare.forecast_hardware import hardware_of_question, own_parts
from runtimes.llama_cpp import LlamaCpp


def machine(*gpus):
    """The question about this machine, with these GPUs."""
    load = SimpleNamespace(backend="cuda", options={}, adapter=LlamaCpp())
    rooms = Rooms(32 * GIB, 32 * GIB, tuple(GpuRoom(name, size // 2, size) for name, size in gpus))
    return SimpleNamespace(room=memory_need.room_here(rooms, load, True), load=load)


def told(*gpus):
    return hardware_of_question(Question("x"), machine(*gpus), lambda: 1.0)


@pytest.mark.parametrize(
    ("name", "gib", "sku", "gb_s"),
    [
        ("NVIDIA GeForce RTX 3060", 8, "GeForce RTX 3060 8 GB", 240),
        ("NVIDIA GeForce RTX 3060", 12, "GeForce RTX 3060 12 GB", 360),
        ("NVIDIA GeForce RTX 3080", 10, "GeForce RTX 3080 10 GB", 760),
        ("NVIDIA GeForce RTX 3080", 11.7, "GeForce RTX 3080 12 GB", 912),
    ],
)
def test_the_memory_of_this_machines_card_tells_parts_of_one_name_apart(name, gib, sku, gb_s):
    found = told((name, round(gib * GIB)))
    assert found.name == sku
    assert round(found.bandwidth_bytes_per_s / 1e9) == gb_s
    assert found.count == 1


def test_equal_cards_are_so_many_of_one_part():
    found = told(*[("NVIDIA GeForce RTX 3090", 24 * GIB)] * 2)
    assert (found.name, found.count) == ("GeForce RTX 3090", 2)


@pytest.mark.parametrize(
    ("gpus", "words"),
    [
        ((("NVIDIA GeForce RTX 3090", 24 * GIB), ("NVIDIA GeForce RTX 4090", 24 * GIB)), "unlike GPUs"),
        ((("NVIDIA GeForce RTX 3060", 12 * GIB), ("NVIDIA GeForce RTX 3060", 8 * GIB)), "unlike GPUs"),
        ((("NVIDIA GeForce RTX 3080", 20 * GIB),), "no part of this machine's GPU"),
        ((("NVIDIA H100 80GB HBM3 MIG 1g.10gb", 10 * GIB),), "no part of this machine's GPU"),
        ((("AMD GPU", 8 * GIB),), "no part of this machine's GPU"),
    ],
)
def test_what_can_not_be_told_says_what_to_give(gpus, words):
    with pytest.raises(BadInput, match=words) as caught:
        told(*gpus)
    assert "--device NAME" in caught.value.fix
    assert "--count N" in caught.value.fix


def test_a_gpu_that_no_driver_names_says_what_to_give():
    room = Room(32 * GIB, 32 * GIB, "GPU", unknown="no driver tells the memory of its GPU")
    with pytest.raises(BadInput, match="no driver tells the memory") as caught:
        own_parts(room, "vulkan")
    assert "--device NAME" in caught.value.fix


@pytest.mark.parametrize(
    ("chip", "gib", "sku"),
    [
        ("Apple M2 Pro GPU", 16, "Apple M2 Pro"),
        ("Apple M4 Max GPU", 36, "Apple M4 Max 32-core GPU"),
        ("Apple M4 Max GPU", 64, "Apple M4 Max"),
        ("Apple M3 Max GPU", 36, "Apple M3 Max 30-core GPU"),
        ("Apple M3 Max GPU", 48, "Apple M3 Max"),
    ],
)
def test_a_mac_is_its_chip_with_the_memory_that_the_machine_has(monkeypatch, chip, gib, sku):
    monkeypatch.setattr(forecast_hardware, "read_gpus", lambda _: SimpleNamespace(apple=known(chip)))
    found = own_parts(Room(gib * GIB, gib * GIB, "GPU", shared=True), "metal")
    assert [part.sku for part in found] == [sku]


def test_a_mac_that_does_not_name_its_chip_is_refused(monkeypatch):
    monkeypatch.setattr(forecast_hardware, "read_gpus", lambda _: SimpleNamespace(apple=unknown("no name")))
    with pytest.raises(BadInput, match="chip is not known: no name"):
        own_parts(Room(36 * GIB, 36 * GIB, "GPU", shared=True), "metal")


def test_a_name_of_two_bandwidths_is_refused_with_a_name_for_each(monkeypatch):
    monkeypatch.setattr(forecast_hardware, "read_gpus", lambda _: SimpleNamespace(apple=known("Apple M5 Max GPU")))
    with pytest.raises(BadInput, match="their bandwidth differs") as caught:
        own_parts(Room(64 * GIB, 64 * GIB, "GPU", shared=True), "metal")
    for name in ("Apple M5 Max (40-core GPU)", "Apple M5 Max 32-core GPU"):
        assert f'--device "{name}"' in caught.value.fix
        assert len(devices.of_machine(name, 64 * GIB)) == 1


@pytest.mark.parametrize("name", ["GeForce RTX 4070", "Radeon RX 7900 XTX", "Arc B580", "Apple M2 Pro", "Adreno 830"])
@pytest.mark.parametrize("backend", ["cuda", "rocm", "vulkan", "metal", "sycl", "opencl"])
def test_kernels_that_a_part_does_not_run_are_refused(name, backend):
    (part,) = devices.candidates(name)
    question = Question("x", device=name, memory_gib=16 if part.form == "integrated" else None, backend=backend)
    if backend not in FAMILIES[part.vendor]:
        with pytest.raises(BadInput, match="can't run these kernels"):
            hardware_of_question(question, machine(("x", GIB)), lambda: 1.0)
    elif part.bandwidth_bytes_per_s is not None:
        assert hardware_of_question(question, machine(("x", GIB)), lambda: 1.0).family == backend
