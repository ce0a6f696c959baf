"""Which build a run gets: by devices, never by tools; and what is refused instead of a silent fall to the CPU."""

import re
from dataclasses import replace

import pytest

from harness.capture.source import Source, Tree
from harness.errors import BadInput
from harness.run.prepare.backend import (
    Toolbox,
    choose,
    decide,
    refuse_contradiction,
    refuse_other_devices,
    refuse_without_device,
    wants_gpu,
)
from harness.run.prepare.gpus import read_gpus, vulkan_lists_a_gpu
from harness.run.prepare.toolchains.cuda import Missing, series_of
from harness.run.prepare.toolchains.nvidia import Driver, Gpu
from runtimes.recipes import RECIPES

LLAMA, TORCH = RECIPES["llama.cpp"].backends, RECIPES["pytorch"].backends
ADA = Driver("580.95.05", (13, 0), (Gpu("NVIDIA GeForce RTX 4090", (8, 9)),))
PASCAL = Driver("580.95.05", (13, 0), (Gpu("Tesla P100", (6, 0)),))


def box(*programs, driver=False, gpus=(), lacks=(), **more):
    found = {name: Missing(what, f"mend {name}") for name, what in dict(lacks).items()}
    return Toolbox("Linux", "x86_64", driver, frozenset(programs), frozenset(gpus), lacks=found, **more)


NVIDIA = {"driver": True, "gpus": ("nvidia",)}
NO_GLSLC = {"vulkan": "missing: glslc"}
NO_HIPCC = {"rocm": "missing: hipcc"}
OLD_DRIVER = {"cuda": "driver 570.86 supports CUDA 12.8; CUDA 13.5 from the package index needs driver 580 or newer"}


@pytest.mark.parametrize(
    ("toolbox", "backend"),
    [
        (box(), "cpu"),
        (box(**NVIDIA), "cuda"),
        (box(driver=True), "cuda"),
        (box(gpus=["amd"]), "rocm"),
        (box(gpus=["amd"], lacks=NO_HIPCC), "cpu"),
        (box(gpus=["amd"], kfd=False), "cpu"),
        (box(vulkan_gpu=False), "cpu"),
        (box(gpus=["intel"], vulkan_gpu=True), "vulkan"),
        (box(gpus=["intel"], vulkan_gpu=True, lacks=NO_GLSLC), "cpu"),
        (box(gpus=["intel"], vulkan_gpu=False), "cpu"),
        (box(vulkan_gpu=True, **NVIDIA), "cuda"),
        (box(vulkan_gpu=True, lacks=OLD_DRIVER, **NVIDIA), "vulkan"),
        (box(lacks=OLD_DRIVER, **NVIDIA), "cpu"),
        (box(hidden="CUDA_VISIBLE_DEVICES", **NVIDIA), "cpu"),
        (Toolbox("Darwin", "arm64", False, frozenset()), "metal"),
        (Toolbox("Darwin", "x86_64", False, frozenset()), "cpu"),
    ],
)
def test_auto_takes_what_the_machine_can_build_and_compute_on(toolbox, backend):
    assert choose(toolbox, LLAMA)[0] == backend


@pytest.mark.parametrize(
    ("toolbox", "words"),
    [
        (box(lacks=OLD_DRIVER, **NVIDIA), "driver 570.86 supports CUDA 12.8"),
        (box(gpus=["nvidia"]), "NVIDIA's driver"),
        (box(gpus=["amd"], lacks=NO_HIPCC), "hipcc"),
        (box(gpus=["amd"], kfd=False), "/dev/kfd"),
        (box(gpus=["intel"]), "vulkaninfo"),
        (box(gpus=["intel"], lacks=NO_GLSLC), "vulkaninfo (vulkan-tools); missing: glslc"),
        (box("vulkaninfo", gpus=["intel"], vulkan_gpu=True, lacks=NO_GLSLC), "glslc"),
        (box(hidden="CUDA_VISIBLE_DEVICES", **NVIDIA), "CUDA_VISIBLE_DEVICES"),
    ],
)
def test_a_gpu_that_auto_leaves_unused_is_named_with_what_is_missing(toolbox, words):
    found = decide(toolbox, LLAMA)
    assert found.backend == "cpu"
    assert found.leaves_gpu
    assert words in found.line
    assert "NOT used" in found.line
    assert "--backend cpu" in found.line


def test_a_gpu_without_any_build_is_named_too():
    found = decide(box(gpus=["amd"]), TORCH, builds=False)
    assert (found.backend, found.leaves_gpu) == ("cpu", True)
    assert "no build for it" in found.reason


def test_no_gpu_is_said_without_a_warning():
    found = decide(box(), LLAMA)
    assert (found.line, found.leaves_gpu) == ("backend cpu: no GPU is here", False)


def test_auto_says_what_it_took_why_and_why_not_something_better():
    found = decide(box(driver=True, cuda="NVIDIA GeForce RTX 4090, driver …; CUDA 13.5 from the package index"), LLAMA)
    assert found.line == "backend cuda: NVIDIA GeForce RTX 4090, driver …; CUDA 13.5 from the package index"
    found = decide(box(vulkan_gpu=True, lacks=OLD_DRIVER, **NVIDIA), LLAMA)
    assert found.reason == f"an NVIDIA GPU is here; no build for cuda ({OLD_DRIVER['cuda']})"
    assert not found.leaves_gpu
    found = decide(box(nvidia=ADA, **NVIDIA), TORCH, builds=False, series=13)
    assert found.line == "backend cuda: NVIDIA GeForce RTX 4090, driver 580.95.05 supports CUDA 13.0"


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        (
            replace(ADA, version="570.86", cuda=(12, 8)),
            "driver 570.86 supports CUDA 12.8, and the packages need driver 580 or newer",
        ),
        (PASCAL, r"CUDA 13 has no code for Tesla P100 \(compute capability 6\.0\)"),
    ],
)
def test_packages_for_a_newer_cuda_than_driver_or_gpu_take_are_refused(driver, words):
    machine = box(nvidia=driver, **NVIDIA)
    found = decide(machine, TORCH, builds=False, series=13)
    assert (found.backend, found.leaves_gpu) == ("cpu", True)
    assert re.search(words, found.reason)
    with pytest.raises(BadInput, match=words):
        refuse_without_device(machine, "cuda", builds=False, series=13)
    assert decide(machine, TORCH, builds=False, series=12).backend == "cuda"


def test_the_cuda_of_a_lock_is_that_of_its_libraries():
    assert {
        name: series_of(RECIPES[name].lock_text("cuda")) for name in RECIPES if "cuda" in RECIPES[name].backends
    } == {
        "llama.cpp": 0,
        "llama-server": 0,
        "pytorch": 13,
        "vllm": 13,
        "vllm-server": 13,
    }
    assert series_of("nvidia-cuda-runtime-cu12==12.9.79 \\\n") == 12


def test_what_comes_built_needs_the_driver_alone():
    assert choose(box(**NVIDIA), TORCH, builds=False)[0] == "cuda"
    assert choose(box(), TORCH, builds=False)[0] == "cpu"
    assert choose(Toolbox("Darwin", "arm64", False, frozenset()), TORCH, builds=False)[0] == "cpu"


def test_a_build_that_is_installed_needs_no_compiler_any_more():
    assert choose(box(lacks={"cuda": "missing: g++"}, **NVIDIA), LLAMA, ready={"cuda"})[0] == "cuda"


def test_a_build_that_failed_is_not_chosen_again_and_the_way_to_force_it_is_said():
    machine = box(vulkan_gpu=True, **NVIDIA)
    assert decide(machine, LLAMA, failed={"cuda": "…"}).backend == "vulkan"
    failed = {"cuda": "it failed with: no cublas.h in /home/me; to try again: --again", "vulkan": "it failed, too"}
    found = decide(machine, LLAMA, failed=failed)
    assert (found.backend, found.leaves_gpu) == ("cpu", True)
    assert "--again" in found.line
    assert "/home/me" not in found.reason  # what a record keeps


@pytest.mark.parametrize(
    ("toolbox", "backend", "words"),
    [
        (box(), "cuda", "needs an NVIDIA GPU"),
        (box(**NVIDIA), "rocm", "needs an AMD GPU"),
        (box(), "vulkan", "needs a GPU"),
        (box(gpus=["intel"], vulkan_gpu=False), "vulkan", "a Vulkan driver that lists it"),
        (box(gpus=["intel"], lacks=NO_GLSLC), "vulkan", "missing: glslc; mend vulkan"),
        (box(), "metal", "needs an Apple GPU"),
        (box(lacks=OLD_DRIVER, **NVIDIA), "cuda", "driver 570.86 supports CUDA 12.8.*; mend cuda"),
        (box(gpus=["amd"], lacks=NO_HIPCC), "rocm", "missing: hipcc; mend rocm"),
        (box(hidden="CUDA_VISIBLE_DEVICES", **NVIDIA), "cuda", "CUDA_VISIBLE_DEVICES"),
    ],
)
def test_a_gpu_build_without_a_gpu_or_its_compiler_is_refused(toolbox, backend, words):
    with pytest.raises(BadInput, match=words) as caught:
        refuse_without_device(toolbox, backend, builds=True)
    assert "--backend cpu" in caught.value.fix


def test_a_gpu_build_with_its_gpu_is_taken():
    refuse_without_device(box(**NVIDIA), "cuda", builds=True)
    refuse_without_device(box(lacks=OLD_DRIVER, **NVIDIA), "cuda", builds=False)  # it is built, or comes built
    refuse_without_device(box(gpus=["intel"]), "vulkan", builds=True)
    refuse_without_device(box(), "cpu", builds=True)


def test_settings_that_contradict_the_build_are_refused():
    for given in ({"device": "cuda:1"}, {"gpu_layers": 12}, {"gpu_layers": -1}):
        with pytest.raises(BadInput, match="asks for a GPU"):
            refuse_contradiction("cpu", given)
    with pytest.raises(BadInput, match="asks for the CPU"):
        refuse_contradiction("cuda", {"device": "cpu"})
    refuse_contradiction("cpu", {"gpu_layers": 0, "device": "auto"})
    refuse_contradiction("cuda", {"gpu_layers": 0})


def test_an_engine_that_loads_without_the_gpu_that_was_asked_for_is_refused():
    asked = wants_gpu("cuda", {})
    with pytest.raises(BadInput, match="sees no GPU"):
        refuse_other_devices("cuda", asked, {"cpu", "accelerator"})
    refuse_other_devices("cuda", asked, {"cpu", "gpu"})
    refuse_other_devices("vulkan", wants_gpu("vulkan", {}), {"cpu", "igpu"})


def test_an_engine_that_computes_on_a_gpu_is_refused_where_the_cpu_was_asked_for():
    with pytest.raises(BadInput, match="computes on a GPU"):
        refuse_other_devices("cpu", "", {"cpu", "gpu"})
    refuse_other_devices("cpu", "", {"cpu", "accelerator"})
    refuse_other_devices("", "", {"gpu"})  # the operator's own interpreter may hold any build


def machine(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Source("Linux", "x86_64", Tree(folder))


@pytest.mark.parametrize(
    ("files", "vendors"),
    [
        ({"sys/class/drm/card0/device/vendor": "0x10de\n"}, {"nvidia"}),
        ({"sys/class/drm/card1/device/vendor": "0x1002\n"}, {"amd"}),
        ({"sys/class/drm/card0/device/vendor": "0x8086\n"}, {"intel"}),
        ({"sys/bus/pci/devices/0/class": "0x030200\n", "sys/bus/pci/devices/0/vendor": "0x10de\n"}, {"nvidia"}),
        ({"sys/bus/pci/devices/0/class": "0x020000\n", "sys/bus/pci/devices/0/vendor": "0x8086\n"}, set()),
        ({"sys/class/drm/card0/device/vendor": "0x1af4\n"}, set()),  # virtio
        ({"sys/class/drm/card0/device/vendor": "0x1234\n"}, set()),  # QEMU
        ({"sys/class/drm/card0/device/vendor": "0x15ad\n"}, set()),  # VMware
        ({"sys/class/drm/card0/device/vendor": "0x1a03\n"}, set()),  # a server's management board
        ({"sys/class/drm/card0/device/uevent": "DRIVER=panfrost\n"}, {"arm"}),
        ({"sys/class/drm/card0/device/uevent": "DRIVER=vkms\n"}, set()),
        ({"sys/class/kfd/kfd/topology/nodes/1/properties": "cpu_cores_count 0\nsimd_count 120\n"}, {"amd"}),
        ({"sys/class/kfd/kfd/topology/nodes/0/properties": "cpu_cores_count 8\nsimd_count 0\n"}, set()),
        ({"proc/driver/nvidia/version": "NVRM", "dev/nvidiactl": ""}, {"nvidia"}),
        ({"proc/driver/nvidia/version": "NVRM"}, set()),  # a container that may not use the host's device
        ({}, set()),
    ],
)
def test_gpus_are_what_the_kernel_lists_and_software_is_none(tmp_path, files, vendors):
    assert read_gpus(machine(tmp_path, files), 0, {}).vendors == vendors


def test_the_management_library_counts_and_a_variable_hides(tmp_path):
    found = read_gpus(machine(tmp_path, {}), 2, {"CUDA_VISIBLE_DEVICES": "-1"})
    assert (found.vendors, found.nvidia_driver, found.hidden) == ({"nvidia"}, True, "CUDA_VISIBLE_DEVICES")
    assert read_gpus(machine(tmp_path, {}), 2, {"CUDA_VISIBLE_DEVICES": "0"}).hidden == ""


@pytest.mark.parametrize(
    ("kind", "name", "gpu"),
    [
        ("PHYSICAL_DEVICE_TYPE_CPU", "llvmpipe (LLVM 15.0.6, 256 bits)", False),
        ("PHYSICAL_DEVICE_TYPE_DISCRETE_GPU", "NVIDIA GeForce RTX 4090", True),
        ("PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU", "Intel(R) UHD Graphics 630", True),
        ("PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU", "Virtio-GPU Venus (llvmpipe)", False),
        ("PHYSICAL_DEVICE_TYPE_OTHER", "SwiftShader Device", False),
    ],
)
def test_vulkan_is_believed_about_devices_that_are_no_software(kind, name, gpu):
    summary = f"GPU0:\n\tapiVersion = 1.3\n\tdeviceType         = {kind}\n\tdeviceName         = {name}\n"
    assert vulkan_lists_a_gpu(summary) is gpu
    assert not vulkan_lists_a_gpu("ERROR: no driver")
