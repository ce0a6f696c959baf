"""Which devices llama.cpp is given: by name, number, place; never a software device that nobody named."""

import pytest

from harness.device_kinds import DeviceKind, software_name
from harness.errors import BadInput
from runtimes.interface import Device
from runtimes.support.device_choice import chosen, settings_of
from runtimes.support.ggml_devices import Listed, kind_of

CPU = Listed(Device("CPU", DeviceKind.CPU, "AMD EPYC"))
BLAS = Listed(Device("BLAS", DeviceKind.ACCELERATOR, "OpenBLAS"))
FAST = Listed(Device("CUDA0", DeviceKind.GPU, "NVIDIA GeForce RTX 4090", 24 << 30), "0000:c1:00.0", 1)
SLOW = Listed(Device("CUDA1", DeviceKind.GPU, "NVIDIA GeForce RTX 3060", 12 << 30), "0000:01:00.0", 2)
TWICE = Listed(Device("Vulkan0", DeviceKind.GPU, "NVIDIA GeForce RTX 4090", 24 << 30), "0000:c1:00.0", 3)
SHARED = Listed(Device("Vulkan1", DeviceKind.IGPU, "AMD Radeon 780M"), "0000:05:00.0", 4)
SOFTWARE = Listed(Device("Vulkan0", DeviceKind.SOFTWARE, "llvmpipe (LLVM 15.0.6, 256 bits)", 2 << 30), "", 5)
ALL = (FAST, SLOW, CPU, BLAS)


def names(options, found=ALL):
    devices = chosen(options, found).devices
    return None if devices is None else [one.name for one in devices]


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ("CUDA1", ["CUDA1"]),
        ("cuda1", ["CUDA1"]),
        ("1", ["CUDA1"]),
        ("0,1", ["CUDA0", "CUDA1"]),
        ("CUDA1, CUDA0", ["CUDA1", "CUDA0"]),
        ("0000:01:00.0", ["CUDA1"]),
        ("00000000:01:00.0", ["CUDA1"]),
        ("C1:00.0", ["CUDA0"]),
        ("0000:c1:00.0,CUDA1", ["CUDA0", "CUDA1"]),
        ("none", []),
    ],
)
def test_devices_are_taken_by_name_number_or_place(asked, taken):
    assert names({"devices": asked}) == taken


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("CUDA2", "lists no such device"),
        ("2", "lists no such device"),
        ("CPU", "lists no such device"),
        ("Vulkan0", "lists no such device"),
        ("0000:02:00.0", "lists no such device"),
        ("", None),
        ("CUDA0,", "lists no such device"),
        ("CUDA0,0", "named twice"),
        ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "tells no such id"),
        ("MIG-90443af0-2fe6-57fb-86fe-54186d5a6581", "for the whole process"),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_those_that_are(asked, words):
    if words is None:
        assert names({"devices": asked}) is None
        return
    with pytest.raises(BadInput, match=words) as caught:
        names({"devices": asked})
    if words == "lists no such device":
        assert "CUDA0 (NVIDIA GeForce RTX 4090, 0000:c1:00.0)" in caught.value.fix
        assert "CUDA1" in caught.value.fix
    with pytest.raises(BadInput, match=r"no device beside the processor|whole process|tells no such id|lists no such"):
        names({"devices": asked}, (CPU,))


def test_one_card_that_two_backends_list_is_named_by_its_name():
    with pytest.raises(BadInput, match="CUDA0 and Vulkan0 are the same device"):
        names({"devices": "c1:00.0"}, (FAST, TWICE, CPU))
    assert names({"devices": "Vulkan0"}, (FAST, TWICE, CPU)) == ["Vulkan0"]


def test_without_a_choice_the_engine_takes_its_own():
    assert names({}) is None
    assert [one.name for one in chosen({}, (FAST, TWICE, SHARED, CPU)).candidates] == ["CUDA0"]
    assert [one.name for one in chosen({}, (SHARED, CPU)).candidates] == ["Vulkan1"]
    assert chosen({}, (CPU, BLAS)).candidates == ()


def test_a_software_device_is_taken_by_name_alone():
    assert names({}, (SOFTWARE, CPU)) == []
    assert names({}, (FAST, SOFTWARE, CPU)) == ["CUDA0"]
    assert names({"devices": "Vulkan0"}, (SOFTWARE, CPU)) == ["Vulkan0"]


@pytest.mark.parametrize(
    ("name", "description", "kind"),
    [
        ("Vulkan0", "llvmpipe (LLVM 15.0.6, 256 bits)", DeviceKind.SOFTWARE),
        ("Vulkan0", "SwiftShader Device (LLVM 10.0.0)", DeviceKind.SOFTWARE),
        ("Vulkan0", "Microsoft Basic Render Driver", DeviceKind.SOFTWARE),
        ("Vulkan0", "Microsoft Direct3D12 (Microsoft Basic Render Driver)", DeviceKind.SOFTWARE),
        ("GPUOpenCL", "pthread-haswell-AMD EPYC", DeviceKind.SOFTWARE),
        ("GPUOpenCL", "cpu-znver3-AMD Ryzen 9 5950X", DeviceKind.SOFTWARE),
        ("WebGPU", "Google SwiftShader", DeviceKind.SOFTWARE),
        ("Vulkan0", "Virtio-GPU Venus (llvmpipe)", DeviceKind.SOFTWARE),
        ("Vulkan0", "AMD Radeon RX 7900 XTX (RADV NAVI31)", DeviceKind.GPU),
        ("Vulkan0", "Intel(R) Arc(tm) A770 Graphics (DG2)", DeviceKind.GPU),
        ("CUDA0", "NVIDIA GeForce RTX 4090", DeviceKind.GPU),
        ("MTL0", "Apple M2", DeviceKind.GPU),
    ],
)
def test_what_the_processor_computes_is_no_gpu_whatever_the_backend_calls_it(name, description, kind):
    assert kind_of(1, name, description) is kind
    assert (software_name(name, description) != "") is (kind is DeviceKind.SOFTWARE)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tensor_split": "3,x"}, "must be shares"),
        ({"tensor_split": "0,0"}, "must be shares"),
        ({"tensor_split": "-1,2"}, "must be shares"),
        ({"tensor_split": "1,1,1"}, "3 shares for 2 devices"),
        ({"tensor_split": "1", "devices": "none"}, "1 shares for 0 devices"),
        ({"main_gpu": 2}, "there are 2 devices"),
        ({"main_gpu": 1, "devices": "CUDA0"}, "there are 1 devices"),
    ],
)
def test_a_split_that_fits_no_devices_is_refused(options, words):
    with pytest.raises(BadInput, match=words):
        chosen(options, ALL)


def test_a_split_is_recorded_where_several_devices_took_part():
    options = {"split_mode": "row", "tensor_split": "3, 1", "main_gpu": 1}
    choice = chosen(options, ALL)
    assert (choice.split_mode, choice.main_gpu, choice.shares) == ("row", 1, (3.0, 1.0))
    assert settings_of(choice, 2, "3, 1") == {"split_mode": "row", "tensor_split": "3/1", "main_gpu": 1}
    assert settings_of(choice, 1, "3, 1") == {}
    assert settings_of(chosen({}, ALL), 2, "") == {"split_mode": "layer"}
    assert settings_of(chosen({"split_mode": "none"}, ALL), 1, "") == {}
