"""Intel's GPUs from recorded trees of /sys: named by their PCI id, with the memory that the kernel tells, or unknown."""

from dataclasses import replace

import pytest

from harness.agent import conditions
from harness.capture import doctor, gpu, intel
from harness.capture.facts import known, to_plain, unknown
from harness.capture.load import Between
from harness.capture.snapshot import capture
from harness.capture.source import Source, Tree
from harness.catalog import devices, intel_gpus

GIB = 1 << 30


def card(number, device, driver="xe", place="0000:03:00.0", more=None):
    """As the kernel shows one, its outputs beside it."""
    folder = f"sys/class/drm/card{number}"
    identity = device.removeprefix("0x").upper()
    told = f"DRIVER={driver}\nPCI_CLASS=30000\nPCI_ID=8086:{identity}\nPCI_SLOT_NAME={place}\n"
    return {
        f"{folder}/device/vendor": "0x8086\n",
        f"{folder}/device/device": f"{device}\n",
        f"{folder}/device/uevent": told,
        f"{folder}-DP-1/status": "connected\n",
        f"{folder}-DP-1/device/dev": "226:1\n",
    } | {f"{folder}/{name}": text for name, text in (more or {}).items()}


UHD = card(0, "0x4680", "i915", "0000:00:02.0")
A770 = card(1, "0x56a0", "i915")
B580 = card(1, "0xe20b", more={"device/tile0/physical_vram_size_bytes": f"{12 * GIB}\n"})
MAX = card(2, "0x0bda", more={f"device/tile{n}/physical_vram_size_bytes": f"{64 * GIB}\n" for n in (0, 1)})


@pytest.fixture
def machine(tmp_path):
    def made(*cards):
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        root.mkdir()
        for path, text in {name: text for one in cards for name, text in one.items()}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        return Source("Linux", "x86_64", Tree(root))

    return made


@pytest.fixture
def environment(machine):
    """This machine with no other GPU than those of the tree."""

    def made(*cards):
        seen = capture()
        own = replace(seen.gpu, nvidia=unknown("no driver"), amd=unknown("no driver"), apple=unknown("no"))
        cpu = replace(seen.cpu, model=known("12th Gen Intel(R) Core(TM) i7-12700"))
        return replace(seen, cpu=cpu, gpu=replace(own, intel=intel.read_intel(machine(*cards))))

    return made


@pytest.mark.parametrize(
    ("tree", "name", "integrated", "memory"),
    [
        (A770, "Intel(R) Arc(TM) A770 Graphics", False, None),  # 8 or 16 GB: the kernel's i915 does not tell
        (card(1, "0x56A0", "i915", more={"lmem_total_bytes": "17179869184\n"}), "Intel(R) Arc(TM) A770 Graphics", False, 16 * GIB),
        (B580, "Intel(R) Arc(TM) B580 Graphics", False, 12 * GIB),
        (MAX, "Intel(R) Data Center GPU Max 1100", False, 128 * GIB),
        (UHD, "Intel(R) UHD Graphics 770", True, None),
        (card(0, "0x7d55", "i915"), "Intel(R) Arc(TM) Graphics (MTL)", True, None),
        (card(0, "0x64a0", more={"lmem_total_bytes": "1"}), "Intel(R) Arc(TM) Graphics (LNL)", True, None),
        (card(0, "0xffff"), None, None, None),
        (card(1, "0xe20b", more={"device/tile0/physical_vram_size_bytes": "much\n"}), "Intel(R) Arc(TM) B580 Graphics", False, None),
    ],
)  # fmt: skip
def test_a_card_is_named_by_its_id_and_has_the_memory_that_the_kernel_tells(machine, tree, name, integrated, memory):
    (found,) = intel.read_intel(machine(tree)).value
    assert (found.name.value, found.integrated.value, found.memory_bytes.value) == (name, integrated, memory)
    for fact in (found.name, found.integrated, found.memory_bytes):
        assert fact.known or fact.reason


@pytest.mark.parametrize(
    "tree",
    [
        {},
        card(0, "0x56a0", "vfio-pci"),  # given to a virtual machine
        {"sys/class/drm/card0/device/vendor": "0x8086\n"},
        {"sys/class/drm/card0/device/vendor": "0x10de\n", "sys/class/drm/card0/device/uevent": "DRIVER=nvidia\n"},
    ],
)
def test_what_neither_driver_has_is_none(machine, tree):
    found = intel.read_intel(machine(tree))
    assert (found.value, found.reason) == (None, "neither i915 nor xe has a GPU")
    assert "Linux" in intel.read_intel(Source("Darwin", "arm64")).reason


def test_all_of_them_are_listed_in_the_kernel_s_order_and_no_place_is_published(machine):
    ten = card(10, "0xe20c", place="0000:10:00.0")
    found = gpu.read_gpus(machine(UHD, A770, MAX, ten)).intel
    assert [one.pci_id.value for one in found.value] == ["8086:4680", "8086:56a0", "8086:0bda", "8086:e20c"]
    assert found.value[1].ids == {"0000:03:00.0"}
    assert "03:00" not in str(to_plain(found))


def test_whose_id_is_in_no_table_is_told_by_its_id(machine):
    (found,) = intel.read_intel(machine(card(0, "0xABCD"))).value
    assert found.called == "a GPU of Intel's, PCI id 8086:abcd"
    assert found.name.reason == "the PCI id 8086:abcd is not in the table"


def test_the_doctor_names_a_card_and_takes_no_part_of_a_processor_for_one(environment):
    seen = doctor.Observed(environment(UHD, A770), Between(0, 0, 0, 0), (), 100 << 30, (3, 11))
    both = next(one for one in doctor.examine(seen, gpu=True) if one.name == "GPU")
    assert (both.level, both.what) == ("ok", "Intel(R) Arc(TM) A770 Graphics")


def test_a_rig_whose_card_is_gone_is_not_well_because_its_processor_has_graphics(environment):
    for tree, what in ((UHD, "Intel(R) UHD Graphics 770 (integrated)"), (card(0, "0xffff"), "PCI id 8086:ffff")):
        seen = doctor.Observed(environment(tree), Between(0, 0, 0, 0), (), 100 << 30, (3, 11))
        needed, at_rest = ({one.name: one for one in doctor.examine(seen, gpu=gpu)}["GPU"] for gpu in (True, False))
        assert (needed.level, at_rest.level) == ("bad", "note")
        assert what in needed.what
        assert "--backend cpu" in at_rest.fix


def test_requests_mean_a_card_or_else_the_processor_and_its_graphics(environment):
    assert [one.name for one in conditions.devices(environment(card(1, "0xe20b")))] == [
        "Intel(R) Arc(TM) B580 Graphics"
    ]
    own = conditions.devices(environment(UHD))
    assert [one.name for one in own] == ["12th Gen Intel(R) Core(TM) i7-12700", "Intel(R) UHD Graphics 770"]
    (b580,) = conditions.devices(environment(B580))
    assert b580.memory_bytes == 12 * GIB


def test_the_table_of_ids_agrees_with_the_table_of_parts():
    for number, one in intel_gpus._table().items():
        for part in devices.candidates(one.name):
            assert part.vendor == "Intel"
            assert (part.form == "integrated") is one.integrated, number
    assert intel_gpus.named("0x56A0") == intel_gpus.named("56a0")
    assert intel_gpus.named("") is intel_gpus.named("10de") is None
    known_parts = {part.sku for one in intel_gpus._table().values() for part in devices.candidates(one.name)}
    cards = {part.sku for part in devices.table() if part.vendor == "Intel" and part.form != "integrated"}
    assert cards - known_parts == {"Arc Pro B65", "Arc Pro B70"}  # of which neither source tells an id
