"""What llama.cpp's log says of where it computed; the lines are those of ggml 0.25."""

import pytest

from runtimes.interface import Device
from runtimes.support.llama_cpp_placement import WANTED, placement_of, settings_of, used

CPU = Device("CPU", "cpu", "AMD EPYC")
CUDA = Device("CUDA0", "gpu", "NVIDIA GeForce RTX 4090", 24 << 30)
SECOND = Device("CUDA1", "gpu", "NVIDIA GeForce RTX 3060", 12 << 30)
VULKAN = Device("Vulkan0", "gpu", "NVIDIA GeForce RTX 4090", 24 << 30)
METAL = Device("MTL0", "gpu", "Apple M2", 16 << 30)
BLAS = Device("BLAS", "accelerator", "Accelerate")


def log(asked, *, cpu=0, assigned=(), kv=(), compute=(), more=""):
    """29 layers: the first `cpu` on the processor, then runs of (device, layers)."""
    lines = []
    where = ["CPU"] * cpu + [name for name, count in assigned for _ in range(count)]
    lines += [f"load_tensors: layer {n:3d} assigned to device {name}, is_swa = 0" for n, name in enumerate(where)]
    lines += [f"load_tensors: offloaded {asked}/29 layers to GPU"]
    lines += [f"load_tensors: {name:>12} model buffer size = {100.0:8.2f} MiB" for name in dict.fromkeys(where)]
    lines += [f"llama_kv_cache: {name:>10} KV buffer size = {12.0:8.2f} MiB" for name in kv]
    lines += [f"sched_reserve: {name:>10} compute buffer size = {8.0:8.2f} MiB" for name in compute]
    return "\n".join([*lines, more])


def test_ten_of_twenty_nine_layers_are_told_as_ten():
    text = log(10, cpu=19, assigned=[("CUDA0", 10)], kv=("CPU", "CUDA0"), compute=("CUDA0", "CUDA_Host"))
    placement = placement_of(text, [CPU, CUDA])
    assert placement.layers == {"CPU": 19, "CUDA0": 10}
    assert used([CPU, CUDA], placement) == (CPU, CUDA)
    assert settings_of([CPU, CUDA], placement) == {
        "gpu_layers_offloaded": "10/29",
        "layers_on": "CPU 19, CUDA0 10",
        "kv_cache_on": "CPU, CUDA0",
    }


def test_layers_that_were_asked_for_and_lie_on_no_gpu_are_not_counted():
    """With its GPUs taken away llama.cpp still says "offloaded 29/29": it repeats what was asked."""
    text = log(29, cpu=29, kv=("CPU",), compute=("CPU",))
    placement = placement_of(text, [CPU, CUDA])
    assert used([CPU, CUDA], placement) == (CPU,)
    assert settings_of(used([CPU, CUDA], placement), placement) == {}


def test_a_gpu_that_computes_prompts_though_no_layer_lies_there_is_in_use():
    text = log(0, cpu=29, kv=("CPU",), compute=("CUDA0", "CPU"))
    placement = placement_of(text, [CPU, CUDA])
    assert CUDA in used([CPU, CUDA], placement)
    assert settings_of([CPU, CUDA], placement)["gpu_layers_offloaded"] == "0/29"


def test_a_cache_kept_in_main_memory_is_told():
    text = log(29, assigned=[("CUDA0", 29)], kv=("CPU",), compute=("CUDA0", "CPU"))
    assert settings_of([CPU, CUDA], placement_of(text, [CPU, CUDA]))["kv_cache_on"] == "CPU"


def test_layers_over_two_gpus_are_told_for_each():
    text = log(29, assigned=[("CUDA0", 20), ("CUDA1", 9)], kv=("CUDA0", "CUDA1"), compute=("CUDA0", "CUDA1"))
    found = settings_of([CPU, CUDA, SECOND], placement_of(text, [CPU, CUDA, SECOND]))
    assert found["gpu_layers_offloaded"] == "29/29"
    assert found["layers_on"] == "CUDA0 20, CUDA1 9"


def test_experts_kept_in_main_memory_are_counted():
    override = "tensor blk.{}.ffn_up_exps.weight (96 MiB q4_K) buffer type overridden to CPU"
    moved = "\n".join(override.format(layer) for layer in range(29))
    text = log(29, assigned=[("CUDA0", 29)], kv=("CUDA0",), compute=("CUDA0", "CPU"), more=moved)
    assert settings_of([CPU, CUDA], placement_of(text, [CPU, CUDA]))["gpu_tensors_on_cpu"] == 29


def test_weights_of_a_type_that_the_gpu_cannot_hold_are_counted():
    line = "done_getting_tensors: tensor '{}' (q4_K) (and {} others) cannot be used with preferred buffer type {}, using {} instead"
    fallen = line.format("blk.0.ffn_up.weight", 3, "CUDA0", "CPU")
    usual = line.format("token_embd.weight", 0, "CUDA_Host", "CPU")
    text = log(29, assigned=[("CUDA0", 29)], kv=("CUDA0",), compute=("CUDA0",))
    assert placement_of(f"{text}\n{fallen}", [CPU, CUDA]).on_cpu_tensors == 4
    assert placement_of(f"{text}\n{usual}", [CPU, CUDA]).on_cpu_tensors == 0


def test_one_card_under_two_interfaces_is_one_card():
    text = log(29, assigned=[("CUDA0", 29)], kv=("CUDA0",), compute=("CUDA0",))
    assert used([CUDA, VULKAN, CPU], placement_of(text, [CUDA, VULKAN, CPU])) == (CUDA, CPU)


def test_metals_buffers_are_metals_and_a_library_stays_what_it_is():
    text = log(29, assigned=[("MTL0", 29)], kv=("MTL0",), compute=("MTL0",)).replace(
        "MTL0 model buffer", "MTL0_Mapped model buffer"
    )
    placement = placement_of(text, [METAL, BLAS, CPU])
    assert placement.computing == {"MTL0"}
    assert used([METAL, BLAS, CPU], placement) == (METAL, BLAS, CPU)


@pytest.mark.parametrize("name", ["CPU_REPACK", "CPU_Mapped", "AMX", "CUDA_Host"])
def test_every_buffer_of_main_memory_is_the_processors(name):
    text = f"llama_kv_cache: {name} KV buffer size =  12.00 MiB"
    assert placement_of(text, [CPU, CUDA]).cache == {"CPU"}


def test_a_log_that_says_nothing_proves_nothing():
    placement = placement_of("", [CPU, CUDA])
    assert used([CPU, CUDA], placement) == (CPU, CUDA)
    assert settings_of([CPU, CUDA], placement) == {}


def test_an_older_build_that_only_sums_up_is_believed_for_one_gpu():
    text = "load_tensors: offloaded 10/29 layers to GPU"
    assert placement_of(text, [CPU, CUDA]).layers == {"CPU": 19, "CUDA0": 10}
    assert placement_of(text, [CPU, CUDA, SECOND]).layers == {}


def test_a_device_of_another_machine_is_no_device_of_this_one():
    remote = Device("RPC0", "gpu", "10.0.0.7:50052", 24 << 30)
    (found,) = used([remote], placement_of("", [remote]))
    assert (found.kind, "10.0.0.7" in str(found)) == ("server", False)


def test_the_lines_that_are_needed_pass_the_filter_of_the_log():
    for line in (
        "load_tensors: layer   0 assigned to device CUDA0, is_swa = 0",
        "tensor blk.0.ffn_up_exps.weight (96 MiB q4_K) buffer type overridden to CPU",
    ):
        assert WANTED.search(line)
