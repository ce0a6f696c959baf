"""How much memory may still be taken: limits of control groups, a card's own memory, and what hides a card."""

import pytest

from harness.capture.cgroup import memory_left_bytes
from harness.capture.rooms import GpuRoom, read_rooms
from harness.capture.source import Source, Tree

GIB = 1 << 30
GROUP = "sys/fs/cgroup/memory."


def tree(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Tree(folder)


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ({}, None),
        ({f"{GROUP}max": "max\n", f"{GROUP}current": "5\n"}, None),
        ({f"{GROUP}max": f"{4 * GIB}\n"}, 4 * GIB),
        ({f"{GROUP}max": f"{4 * GIB}\n", f"{GROUP}current": f"{3 * GIB}\n"}, GIB),
        # What the group holds of files is given back.
        (
            {f"{GROUP}max": f"{4 * GIB}\n", f"{GROUP}current": f"{3 * GIB}\n",
             f"{GROUP}stat": f"anon 1\ninactive_file {GIB}\nactive_file {GIB}\n"},
            3 * GIB,
        ),
        ({f"{GROUP}max": f"{GIB}\n", f"{GROUP}current": f"{2 * GIB}\n"}, 0),
        # The tightest of those above it counts.
        (
            {"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": f"{8 * GIB}\n",
             "sys/fs/cgroup/a/memory.current": f"{7 * GIB}\n", "sys/fs/cgroup/a/b/memory.max": f"{2 * GIB}\n"},
            GIB,
        ),
        (
            {"sys/fs/cgroup/memory/memory.limit_in_bytes": f"{4 * GIB}\n",
             "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{3 * GIB}\n",
             "sys/fs/cgroup/memory/memory.stat": f"total_inactive_file {GIB}\n"},
            2 * GIB,
        ),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
    ],
)  # fmt: skip
def test_a_group_gives_its_limit_less_what_is_used_and_not_files(tmp_path, files, left):
    assert memory_left_bytes(tree(tmp_path, files)) == left


def test_a_group_with_little_left_bounds_the_memory(tmp_path):
    limited = tree(tmp_path, {f"{GROUP}max": f"{2 * GIB}\n", f"{GROUP}current": f"{2 * GIB - 4096}\n"})
    found = read_rooms(Source("Linux", "x86_64", limited), "cpu", {})
    assert (found.memory_free, found.memory_total, found.gpus) == (4096, 2 * GIB, ())


CARDS = {
    f"sys/class/drm/card{i}/device/{name}": f"{value}\n"
    for i, used in enumerate((1, 6))
    for name, value in (
        ("mem_info_vram_total", 8 * GIB),
        ("mem_info_vram_used", used * GIB),
        ("product_name", f"RX {i}"),
        ("mem_info_vram_vendor", "samsung"),
    )
}


def test_a_radeon_tells_its_own_memory(tmp_path):
    source = Source("Linux", "x86_64", tree(tmp_path, CARDS))
    assert read_rooms(source, "rocm", {}).gpus == (GpuRoom("RX 0", 7 * GIB, 8 * GIB), GpuRoom("RX 1", 2 * GIB, 8 * GIB))
    assert read_rooms(source, "cpu", {}).gpus == ()


@pytest.mark.parametrize(
    ("shown", "names"),
    [
        ("1", ["RX 1"]),
        ("1,0", ["RX 1", "RX 0"]),
        ("0,7,1", ["RX 0"]),
        ("GPU-1234", None),
        ("0,0", None),
        ("7", []),
        ("", []),
    ],
)
def test_only_the_cards_that_are_shown_count(tmp_path, shown, names):
    source = Source("Linux", "x86_64", tree(tmp_path, CARDS))
    found = read_rooms(source, "rocm", {"HIP_VISIBLE_DEVICES": shown})
    assert (found.gpus and [one[0] for one in found.gpus]) == (names or (None if names is None else ()))
    assert bool(found.why) == (not names)
    assert found.hidden == (names == [])


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({"ROCR_VISIBLE_DEVICES": "1", "HIP_VISIBLE_DEVICES": "0"}, ["RX 1"]),
        ({"HIP_VISIBLE_DEVICES": "0", "CUDA_VISIBLE_DEVICES": "1"}, ["RX 0"]),
        ({"CUDA_VISIBLE_DEVICES": "1"}, ["RX 1"]),
        ({"GGML_VK_VISIBLE_DEVICES": "1"}, ["RX 0", "RX 1"]),
    ],
)
def test_hip_heeds_its_own_variables_and_cudas_where_its_own_is_not_set(tmp_path, environment, names):
    source = Source("Linux", "x86_64", tree(tmp_path, CARDS))
    assert [one.name for one in read_rooms(source, "rocm", environment).gpus] == names


def test_vulkan_heeds_neither_cudas_nor_hips_variables(tmp_path):
    source = Source("Linux", "x86_64", tree(tmp_path, CARDS))
    found = read_rooms(source, "vulkan", {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "1"})
    assert ([one.name for one in found.gpus], found.ordered) == (["RX 0", "RX 1"], False)
    found = read_rooms(source, "vulkan", {"GGML_VK_VISIBLE_DEVICES": "1"})
    assert (found.gpus, found.why) == (None, "which GPUs GGML_VK_VISIBLE_DEVICES means is not known")


def test_a_part_within_a_processor_moves_the_numbers_of_the_cards(tmp_path):
    files = {
        name: "unknown\n" if name.endswith("card0/device/mem_info_vram_vendor") else text
        for name, text in CARDS.items()
    }
    source = Source(
        "Linux", "x86_64", tree(tmp_path, files | {"sys/class/drm/card1/device/uevent": "PCI_SLOT_NAME=0000:03:00.0\n"})
    )
    found = read_rooms(source, "rocm", {})
    assert (found.gpus, found.ordered) == ((GpuRoom("RX 1", 2 * GIB, 8 * GIB, "0000:03:00.0"),), False)
    assert read_rooms(source, "rocm", {"HIP_VISIBLE_DEVICES": "0"}).gpus is None


def test_a_card_that_no_driver_tells_of_is_unknown(tmp_path):
    found = read_rooms(Source("Linux", "x86_64", Tree(tmp_path)), "rocm", {})
    assert (found.gpus, found.why) == (None, "no driver tells the memory of its GPU")


@pytest.mark.parametrize("maker", ["unknown\n", None])
def test_a_part_within_a_processor_is_not_held_to_what_is_set_aside_for_it(tmp_path, maker):
    files = {name: text for name, text in CARDS.items() if not name.endswith("vendor")}
    if maker:
        files |= {name: maker for name in CARDS if name.endswith("vendor")}
    assert read_rooms(Source("Linux", "x86_64", tree(tmp_path, files)), "vulkan", {}).gpus is None


@pytest.mark.parametrize(
    ("name", "backend", "other"),
    [("GGML_CUDA_ENABLE_UNIFIED_MEMORY", "rocm", "vulkan"), ("GGML_VK_ALLOW_SYSMEM_FALLBACK", "vulkan", "rocm")],
)
def test_a_card_that_may_overflow_into_the_machines_memory_has_no_known_bound(tmp_path, name, backend, other):
    source = Source("Linux", "x86_64", tree(tmp_path, CARDS))
    found = read_rooms(source, backend, {name: "1"})
    assert found.gpus is None
    assert name in found.why
    assert read_rooms(source, other, {name: "1"}).gpus is not None
