"""What a server's process shows of the devices that it has open: threads and files, never what is merely loaded."""

import pytest

from runtimes.support.server_devices import seen


@pytest.fixture
def process(tmp_path):
    """Makes a process in a tree like /proc."""

    def make(pid=10, *, maps=(), threads=("server",), fds=(), arguments=("llama-server",)):
        folder = tmp_path / str(pid)
        (folder / "fd").mkdir(parents=True)
        lines = [f"7f00-7f01 r-xp 00000000 08:01 12{n} {path}" for n, path in enumerate(maps)]
        (folder / "maps").write_text("\n".join([*lines, "7f02-7f03 rw-p 00000000 00:00 0"]) + "\n")
        (folder / "cmdline").write_text("\0".join(arguments) + "\0")
        for number, name in enumerate(threads):
            (folder / "task" / str(pid + number)).mkdir(parents=True)
            (folder / "task" / str(pid + number) / "comm").write_text(name + "\n")
        for number, target in enumerate(fds):
            (folder / "fd" / str(number)).symlink_to(target)
        return seen([pid], tmp_path)

    return make


VULKAN = ("/usr/lib/libvulkan.so.1.4.313", "/usr/lib/x86_64-linux-gnu/libvulkan_lvp.so")


def test_a_processors_server_shows_nothing(process):
    found = process(maps=("/usr/lib/libggml-cpu.so", "/usr/lib/libc.so.6"))
    assert (found.drivers, found.nodes, found.software, found.maybe, found.text) == ((), (), "", False, "")


def test_a_loaded_driver_is_named_and_proves_no_device(process):
    found = process(maps=VULKAN)
    assert (found.drivers, found.software, found.text) == (("Vulkan",), "", "Vulkan")


def test_threads_of_a_software_device_show_that_it_is_open(process):
    found = process(
        maps=VULKAN, threads=("server", "llvmpipe-0", "llvmpipe-1"), arguments=("llama-server", "-ngl", "99")
    )
    assert (found.software, found.maybe, found.text) == ("llvmpipe", False, "Vulkan; llvmpipe open")


@pytest.mark.parametrize(
    "arguments",
    [
        ("-ngl", "0"),
        ("--n-gpu-layers", "0"),
        ("--gpu-layers=0",),
        ("--n_gpu_layers", "0"),
        ("--device", "none"),
        ("-dev", "none"),
    ],
)
def test_an_open_device_without_a_layer_is_not_known_to_compute(process, arguments):
    found = process(threads=("server", "llvmpipe-0"), arguments=("llama-server", *arguments, "-c", "512"))
    assert (found.software, found.maybe) == ("llvmpipe", True)


@pytest.mark.parametrize("arguments", [("-ngl", "10"), ("-c", "0"), (), ("--port", "0"), ("-ngl", "all")])
def test_other_numbers_say_nothing_of_layers(process, arguments):
    assert not process(threads=("llvmpipe-0",), arguments=("llama-server", *arguments)).maybe


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("/opt/libvk_swiftshader.so", "SwiftShader"),
        ("/usr/lib/libpocl.so.2.11.0", "PoCL"),
        ("/usr/lib/pocl/libpocl-devices-pthread.so", "PoCL"),
    ],
)
def test_a_software_device_that_starts_no_threads_of_its_name_may_compute(process, file, name):
    found = process(maps=(file, "/usr/lib/libOpenCL.so.1"))
    assert (found.software, found.maybe) == (name, True)


@pytest.mark.parametrize(
    ("library", "node", "text"),
    [
        ("/usr/lib/libcuda.so.580.65", "/dev/nvidia0", "CUDA; NVIDIA's device file open"),
        ("/opt/rocm/lib/libamdhip64.so.7", "/dev/kfd", "HIP; AMD's device file open"),
        ("/usr/lib/libze_loader.so.1", "/dev/dri/renderD128", "Level Zero; DRM's device file open"),
        ("/usr/lib/wsl/lib/libcuda.so.1", "/dev/dxg", "CUDA; WSL's device file open"),
    ],
)
def test_a_gpus_driver_and_its_open_device_file_are_named(process, library, node, text):
    found = process(maps=(library,), fds=(node, "/dev/nvidiactl", "socket:[7]"))
    assert (found.text, found.software) == (text, "")


def test_a_name_that_only_looks_like_it_is_not_taken(process):
    found = process(maps=("/home/llvmpipe/libcudart.so", "/tmp/notlibvulkan.so"), threads=("llvmpipe", "my-llvmpipe-0"))
    assert (found.text, found.software) == ("", "")


def test_a_process_that_can_not_be_looked_into_shows_nothing(tmp_path):
    assert seen([4711], tmp_path).text == ""
