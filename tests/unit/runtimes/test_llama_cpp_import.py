"""A build for a GPU that does not load says which driver is missing."""

import pytest

from runtimes.support.llama_cpp_import import explained

SHARED = "Failed to load shared library '/x/llama_cpp/lib/libllama.so': {}: cannot open shared object file: No such file or directory"


@pytest.mark.parametrize(
    ("library", "what"),
    [
        ("libcuda.so.1", "the build is for CUDA, and NVIDIA's driver is not here"),
        ("libcudart.so.12", "the build is for CUDA, and the CUDA toolkit that it was built with is not here"),
        ("libcublas.so.13", "the build is for CUDA, and the CUDA toolkit"),
        ("libvulkan.so.1", "the build is for Vulkan, and Vulkan's loader is not here"),
        ("libamdhip64.so.6", "the build is for ROCm, and ROCm's runtime is not here"),
    ],
)
def test_a_gpu_build_without_its_driver_is_one_line(library, what):
    said, fix = explained(SHARED.format(library))
    assert said.startswith(what)
    assert "/x/" not in said
    assert "--backend cpu" in fix


@pytest.mark.parametrize("error", ["No module named 'llama_cpp'", SHARED.format("libgomp.so.1")])
def test_another_fault_is_told_in_the_loaders_words(error):
    said, fix = explained(error)
    assert error in said
    assert "repro runtime install llama.cpp" in fix
