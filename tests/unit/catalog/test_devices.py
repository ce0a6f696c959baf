"""The device table: what it says is plausible and sourced, and each name that a driver reports is one part or none."""

import shutil
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.catalog import devices
from harness.errors import BadInput
from harness.paths import configs
from harness.tiers.physics import Ceiling, decode_ceiling, impossible
from tests.support import broken_tables

GIB, MIB = 1 << 30, 1 << 20

# What NVML, CUDA, Vulkan, ROCm, SYCL and Metal report, as seen in logs of users; memory in bytes where the driver told it.
REPORTED = [
    ("NVIDIA GeForce GTX 1080 Ti", None, "GeForce GTX 1080 Ti"),
    ("NVIDIA GeForce RTX 2060", 6144 * MIB, "GeForce RTX 2060 6 GB"),
    ("NVIDIA GeForce RTX 2060", 12288 * MIB, "GeForce RTX 2060 12 GB"),
    ("NVIDIA GeForce RTX 2060 SUPER", 8192 * MIB, "GeForce RTX 2060 SUPER"),
    ("GeForce RTX 2080 Ti", 11016 * MIB, "GeForce RTX 2080 Ti"),
    ("NVIDIA GeForce RTX 3060", 12288 * MIB, "GeForce RTX 3060 12 GB"),
    ("NVIDIA GeForce RTX 3060 Laptop GPU (NVIDIA)", 6144 * MIB, "GeForce RTX 3060 Laptop GPU"),
    ("NVIDIA GeForce RTX 3080", 10240 * MIB, "GeForce RTX 3080 10 GB"),
    ("NVIDIA GeForce RTX 3080", 12288 * MIB, "GeForce RTX 3080 12 GB"),
    ("NVIDIA GeForce RTX 3080 Ti", 12288 * MIB, "GeForce RTX 3080 Ti"),
    ("NVIDIA GeForce RTX 3080 Laptop GPU", 16384 * MIB, "GeForce RTX 3080 Laptop GPU 16 GB"),
    ("GeForce RTX 3090", 24268 * MIB, "GeForce RTX 3090"),
    ("nvidia geforce rtx 3090", None, "GeForce RTX 3090"),
    ("NVIDIA GeForce RTX 3090 Ti", 24564 * MIB, "GeForce RTX 3090 Ti"),
    ("NVIDIA GeForce RTX 4060 Ti", 8188 * MIB, "GeForce RTX 4060 Ti 8 GB"),
    ("NVIDIA GeForce RTX 4060 Ti", 16380 * MIB, "GeForce RTX 4060 Ti 16 GB"),
    ("NVIDIA GeForce RTX 4070 SUPER", 12282 * MIB, "GeForce RTX 4070 SUPER"),
    ("NVIDIA GeForce RTX 4070 Ti SUPER", 16376 * MIB, "GeForce RTX 4070 Ti SUPER"),
    ("NVIDIA GeForce RTX 4090", 24564 * MIB, "GeForce RTX 4090"),
    ("NVIDIA GeForce RTX 4090 (NVK AD102)", None, "GeForce RTX 4090"),
    ("NVIDIA GeForce RTX 4090 Laptop GPU", 16376 * MIB, "GeForce RTX 4090 Laptop GPU"),
    ("NVIDIA GeForce RTX 5070 Ti Laptop GPU", 12227 * MIB, "GeForce RTX 5070 Ti Laptop GPU"),
    ("NVIDIA GeForce RTX 5090", 32607 * MIB, "GeForce RTX 5090"),
    ("Quadro RTX 6000", 24220 * MIB, "Quadro RTX 6000"),
    ("RTX A6000", 49140 * MIB, "RTX A6000"),
    ("NVIDIA RTX A6000", 46068 * MIB, "RTX A6000"),  # with ECC
    ("NVIDIA RTX A2000 12GB", None, "RTX A2000 12 GB"),
    ("NVIDIA RTX 6000 Ada Generation", 49140 * MIB, "RTX 6000 Ada Generation"),
    (
        "NVIDIA RTX PRO 6000 Blackwell Workstation Edition",
        97887 * MIB,
        "RTX PRO 6000 Blackwell Workstation Edition",
    ),
    ("NVIDIA RTX PRO 6000 Blackwell Server Edition", None, "RTX PRO 6000 Blackwell Server Edition"),
    ("Tesla T4", 15360 * MIB, "T4"),
    ("Tesla V100-SXM2-16GB", 16160 * MIB, "V100 SXM2 16 GB"),
    ("Tesla V100-PCIE-32GB", 32510 * MIB, "V100 PCIe 32 GB"),
    ("NVIDIA A10", 23028 * MIB, "A10"),
    ("NVIDIA A10G", 23028 * MIB, "A10G"),
    ("NVIDIA H800", 81559 * MIB, "H800 SXM"),
    ("NVIDIA H800 PCIe", 81559 * MIB, "H800 PCIe"),
    ("NVIDIA H20", 97871 * MIB, "H20"),
    ("NVIDIA L20", 46068 * MIB, "L20"),
    ("Tesla V100-SXM3-32GB", 32480 * MIB, "V100 SXM3 32 GB"),
    ("NVIDIA H100 SXM5 64GB", 64 * GIB, "H100 SXM 64 GB"),
    ("NVIDIA H100 SXM5 96GB", 95 * GIB, "H100 SXM 96 GB"),
    ("NVIDIA H100 SXM5 94GB", 95830 * MIB, "H100 SXM5 94 GB"),
    ("NVIDIA H100", 95830 * MIB, "H100 SXM5 94 GB"),  # what the driver calls the SXM modules of 94 and of 64 GB
    ("NVIDIA H100", 65247 * MIB, "H100 SXM 64 GB"),
    ("NVIDIA GeForce RTX 4090 D", 24564 * MIB, "GeForce RTX 4090 D"),
    ("NVIDIA GeForce RTX 5090 D", 32607 * MIB, "GeForce RTX 5090 D"),
    ("NVIDIA GeForce RTX 5090 D v2", 24463 * MIB, "GeForce RTX 5090 D v2"),
    ("NVIDIA RTX PRO 6000D", 84 * GIB, "RTX PRO 6000D"),
    ("NVIDIA RTX 5000 Ada Generation Laptop GPU", 16376 * MIB, "RTX 5000 Ada Generation Laptop GPU"),
    ("NVIDIA CMP 40HX", 8192 * MIB, "CMP 40HX"),
    ("NVIDIA CMP 170HX", None, "CMP 170HX"),
    ("Orin (nvgpu)", 62841 * MIB, "Jetson AGX Orin 64 GB"),
    ("NVIDIA Thor (nvgpu)", 125772 * MIB, "Jetson T5000"),
    ("AMD Instinct MI300X VF", 196288 * MIB, "Instinct MI300X"),
    ("AMD Instinct MI308X", 196592 * MIB, "Instinct MI308X"),
    ("AMD Instinct MI60 / MI50", 16368 * MIB, "Radeon Instinct MI50 16 GB"),
    ("NVIDIA A100-SXM4-80GB", 81920 * MIB, "A100 SXM 80 GB"),
    ("A100-SXM4-40GB", 40536 * MIB, "A100 SXM 40 GB"),
    ("Tesla A100-SXM4-40GB", None, "A100 SXM 40 GB"),
    ("NVIDIA A100 80GB PCIe", 81920 * MIB, "A100 PCIe 80 GB"),
    ("NVIDIA A100-PCIE-40GB", 40960 * MIB, "A100 PCIe 40 GB"),
    ("NVIDIA L4", 23034 * MIB, "L4"),
    ("NVIDIA L40S", 46068 * MIB, "L40S"),
    ("NVIDIA H100 80GB HBM3", 81559 * MIB, "H100 SXM"),
    ("NVIDIA H100 PCIe", 81559 * MIB, "H100 PCIe"),
    ("NVIDIA H100 NVL", 95830 * MIB, "H100 NVL"),
    ("NVIDIA H200", 143771 * MIB, "H200 SXM"),
    ("NVIDIA H200 NVL", 143771 * MIB, "H200 NVL"),
    ("NVIDIA B200", 183359 * MIB, "B200"),
    ("NVIDIA GH200 480GB", 97871 * MIB, "GH200 96 GB"),
    ("NVIDIA GB10", 122568 * MIB, "GB10"),
    ("AMD Radeon RX 7900 XTX (RADV NAVI31)", 24560 * MIB, "Radeon RX 7900 XTX"),
    ("AMD Radeon RX 7900 XTX (radeonsi, navi31, LLVM 15.0.7, DRM 3.49, 6.2.0)", None, "Radeon RX 7900 XTX"),
    ("Radeon RX 7900 XTX", 25753026560, "Radeon RX 7900 XTX"),
    ("AMD Radeon RX 7900 XT", 20464 * MIB, "Radeon RX 7900 XT"),
    ("AMD Radeon RX 6800 XT", 16368 * MIB, "Radeon RX 6800 XT"),
    ("AMD Radeon RX 9060 XT (RADV GFX1200)", 16304 * MIB, "Radeon RX 9060 XT 16 GB"),
    ("AMD Radeon RX 9070 XT (AMD proprietary driver)", None, "Radeon RX 9070 XT"),
    ("AMD Radeon Pro W7900", 48 * GIB, "Radeon PRO W7900"),
    ("AMD Instinct MI300X", 206141652992, "Instinct MI300X"),
    ("AMD Instinct MI300X OAM", None, "Instinct MI300X"),
    ("AMD Instinct MI250X", 65520 * MIB, "Instinct MI250X (one of two dies)"),
    ("AMD Radeon(TM) 8060S Graphics", 96 * GIB, "Radeon 8060S"),
    ("Radeon 8060S Graphics (RADV GFX1151)", 114164 * MIB, "Radeon 8060S"),
    ("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", None, "Radeon 8060S"),
    ("Intel(R) Arc(TM) A770 Graphics (Intel Corporation)", 16225243136, "Arc A770 16 GB"),
    ("Intel(R) Arc(tm) A770 Graphics (DG2)", 8 * GIB, "Arc A770 8 GB"),
    ("Intel(R) Arc(tm) B580 Graphics (BMG G21)", 12216 * MIB, "Arc B580"),
    ("Intel(R) Arc(tm) B570 Graphics (BMG G21)", 10172 * MIB, "Arc B570"),
    ("Intel(R) Arc(tm) Pro B60 Graphics (BMG G21)", 24480 * MIB, "Arc Pro B60"),
    ("Intel(R) Data Center GPU Max 1550", 65536 * MIB, "Data Center GPU Max 1550 (one of two stacks)"),
    ("Apple M1 (G13G B1)", None, "Apple M1"),
    ("Apple M2 Ultra", 144 * GIB, "Apple M2 Ultra"),
    ("Apple M3 Max", 36 * GIB, "Apple M3 Max"),  # what Metal grants of 48 GiB, too
    ("Apple M4 Pro GPU", None, "Apple M4 Pro"),
    ("NVIDIA GeForce GTX 970", 4096 * MIB, "GeForce GTX 970"),
    ("NVIDIA GeForce GTX 1060 3GB", 3072 * MIB, "GeForce GTX 1060 3 GB"),
    ("NVIDIA GeForce GTX 1060 6GB", 6144 * MIB, "GeForce GTX 1060 6 GB"),
    ("NVIDIA GeForce GTX 1070", None, "GeForce GTX 1070"),
    ("NVIDIA GeForce GTX 1080", 8192 * MIB, "GeForce GTX 1080"),
    ("NVIDIA TITAN Xp", 12196 * MIB, "TITAN Xp"),
    ("NVIDIA GeForce RTX 3060", 8192 * MIB, "GeForce RTX 3060 8 GB"),
    ("NVIDIA GeForce RTX 2070 with Max-Q Design", 8192 * MIB, "GeForce RTX 2070 with Max-Q Design"),
    ("NVIDIA GeForce RTX 3050 6GB Laptop GPU", 6144 * MIB, "GeForce RTX 3050 Laptop GPU 6 GB"),
    ("NVIDIA RTX PRO 5000 Blackwell", 48935 * MIB, "RTX PRO 5000 Blackwell"),
    ("NVIDIA RTX PRO 5000 Blackwell", 73415 * MIB, "RTX PRO 5000 Blackwell 72 GB"),
    ("NVIDIA RTX PRO 4000 Blackwell Generation Laptop GPU", None, "RTX PRO 4000 Blackwell Generation Laptop GPU"),
    ("Tesla K80", 11441 * MIB, "Tesla K80 (one of two GPUs)"),
    ("Tesla P40", 24576 * MIB, "Tesla P40"),
    ("Tesla P100-PCIE-12GB", 12198 * MIB, "Tesla P100 PCIe 12 GB"),
    ("Tesla P100-SXM2-16GB", 16280 * MIB, "Tesla P100 SXM2"),
    ("Tesla V100-SXM2-32GB", 32510 * MIB, "V100 SXM2 32 GB"),
    ("NVIDIA GB200", 189471 * MIB, "GB200"),
    ("Orin", 62826 * MIB, "Jetson AGX Orin 64 GB"),
    ("Orin", 15189422080, "Jetson Orin NX 16 GB"),
    ("NVIDIA Tegra Orin (nvgpu)", 30697 * MIB, "Jetson AGX Orin 32 GB"),
    ("NVIDIA Thor", 125772 * MIB, "Jetson T5000"),
    ("AMD Radeon RX 580 Series (RADV POLARIS10)", 8 * GIB, "Radeon RX 580 8 GB"),
    ("Radeon RX 580 Series (POLARIS10, DRM 3.40.0, 5.10.0-8-amd64, LLVM 11.0.1)", 4 * GIB, "Radeon RX 580 4 GB"),
    ("AMD Radeon VII (RADV VEGA20)", 16368 * MIB, "Radeon VII"),
    ("AMD Radeon RX 5700 XT (RADV NAVI10)", None, "Radeon RX 5700 XT"),
    ("AMD Instinct MI50", 16368 * MIB, "Radeon Instinct MI50 16 GB"),
    ("AMD Instinct MI210", None, "Instinct MI210"),
    ("AMD Instinct MI300A", 128 * GIB, "Instinct MI300A"),
    ("AMD Radeon 780M Graphics (RADV PHOENIX)", None, "Radeon 780M"),
    ("AMD Custom GPU 0405 (RADV VANGOGH)", None, "Steam Deck (LCD)"),
    ("Intel(R) Arc(TM) Pro B70 Graphics", 32 * GIB, "Arc Pro B70"),
    ("Intel(R) Arc(TM) 140V GPU (16GB)", None, "Arc 140V"),
    ("Mesa Intel(R) Iris(R) Xe Graphics (TGL GT2)", None, "Iris Xe Graphics"),
    ("Intel(R) Arc(tm) Graphics (MTL)", None, "Arc Graphics (Meteor Lake)"),
    ("Apple M3 Ultra", 384 * GIB, "Apple M3 Ultra"),
    ("Apple M5 Max", None, "Apple M5 Max"),
    ("Apple M3 Max (30-core GPU)", None, "Apple M3 Max 30-core GPU"),
    ("Apple M2 Ultra (192 GB, 76 GPU cores)", None, "Apple M2 Ultra"),
    ("Adreno (TM) 830", None, "Adreno 830"),
    ("QUALCOMM Adreno(TM) 750 (OpenCL 3.0 Adreno(TM) 750)", None, "Adreno 750"),
    ("Turnip Adreno (TM) 740", None, "Adreno 740"),
    ("Qualcomm(R) Adreno(TM) X1-85 GPU", None, "Adreno X1-85"),
    ("Mali-G610", None, "Mali-G610"),
    # llama.cpp's own lines around the name
    ("MTL0 : Apple M2 Max", None, "Apple M2 Max"),
    ("HIP0: AMD Instinct MI210", None, "Instinct MI210"),
    ("Device 0: NVIDIA GeForce RTX 3090, compute capability 8.6, VMM: yes, VRAM: 24124 MiB", None, "GeForce RTX 3090"),
    ("Device 1: AMD Radeon RX 7900 XTX, gfx1100 (0x1100), VMM: no, Wave Size: 32", None, "Radeon RX 7900 XTX"),
    ("ggml_vulkan: 0 = AMD Radeon RX 9070 XT (RADV GFX1201) (radv) | uma: 0 | fp16: 1", None, "Radeon RX 9070 XT"),
    ("ggml_metal_init: GPU name:   Apple M1 Max", None, "Apple M1 Max"),
]

# Parts that are not in the table, families, processors: none of them may be taken for a neighbour.
NOT_TOLD = [
    "",
    "NVIDIA",
    "RTX",
    "Ti",
    "Apple",
    "NVIDIA GeForce RTX 4095",
    "NVIDIA GeForce RTX 2080 with Max-Q Design",
    "NVIDIA GeForce RTX 3060 Lite Hash Rate Mobile",
    "NVIDIA RTX A5000 Laptop GPU",
    "NVIDIA RTX 6000",
    # Shares of a card for virtual machines, never the card's own name.
    "NVIDIA A10-24Q",
    "GRID T4-16Q",
    "GRID T4-2B4",
    "GRID V100D-32Q",
    "NVIDIA A100-40C",
    "NVIDIA A40-48Q",
    "NVIDIA L40S-48Q",
    "NVIDIA RTX6000-Ada-48Q",
    "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
    "NVIDIA GeForce RTX 4090 Founders Edition",
    "NVIDIA GeForce RTX 4090 OC",
    "ASUS ROG Strix GeForce RTX 4090",
    "NVIDIA GeForce RTX 4090 | NVIDIA GeForce RTX 3060",
    "NVIDIA GeForce RTX 4090, NVIDIA GeForce RTX 3060",
    "NVIDIA GeForce RTX 3060 Mobile / Max-Q",
    "NVIDIA RTX PRO 6000 Blackwell",
    "NVIDIA Radeon RX 580",
    "AMD Radeon RX Vega",
    "AMD Instinct MI50/MI60",
    "AMD Radeon RX 580 2048SP",
    "Intel(R) Graphics (RPL-P)",
    "QUALCOMM Adreno(TM)",
    "Adreno",
    "830",
    "Apple M9 Max",
    "Tesla M4",
    "NVIDIA A100-SXM4-16GB",
    "AMD A10",
    "AMD GeForce RTX 4090",
    "AMD Radeon Graphics",
    "AMD Radeon Graphics (RADV GFX1201)",
    "gfx1100",
    "AMD Radeon RX 6800/6800 XT / 6900 XT",
    "AMD EPYC 9654 96-Core Processor",
    "Intel(R) Arc(TM) Graphics",
    "llvmpipe (LLVM 15.0.7, 256 bits)",
    "Synthetic GPU A",
    "CUDA0",
]


@pytest.mark.parametrize(("name", "memory", "sku"), REPORTED, ids=[f"{r[0]} {r[1] or ''}" for r in REPORTED])
def test_what_drivers_report_is_found(name, memory, sku):
    found = devices.find(name, memory)
    assert found is not None
    assert found.sku == sku


@pytest.mark.parametrize("name", NOT_TOLD)
def test_a_name_that_means_no_part_of_the_table_is_nothing(name):
    assert devices.find(name) is None
    assert devices.find(name, 24 * GIB) is None


def test_a_part_with_another_memory_is_not_the_part():
    assert devices.find("NVIDIA GeForce RTX 4090", 48 * GIB) is None
    assert devices.find("NVIDIA GeForce RTX 3080", 20 * GIB) is None
    assert devices.find("NVIDIA GeForce RTX 4060 Ti", 0) is None
    assert devices.find("NVIDIA A100-SXM4-80GB", 40 * GIB) is None


def test_without_its_memory_the_fastest_of_a_name_stands_for_all():
    assert devices.find("NVIDIA GeForce RTX 3080").sku == "GeForce RTX 3080 12 GB"
    assert devices.find("AMD Instinct MI250X").bandwidth_bytes_per_s == 3_276_800_000_000


@pytest.mark.parametrize(
    "name",
    [
        "NVIDIA GeForce RTX 3060",
        "NVIDIA GeForce RTX 4060 Ti",
        "AMD Radeon RX 9060 XT",
        "NVIDIA Thor",
        "Orin",
        "AMD Instinct MI250X",
    ],
)
def test_a_shared_name_without_a_memory_size_identifies_no_part(name):
    assert devices.identify(name, "", None) is None
    assert devices.identify("CUDA0", name, None) is None
    assert devices.find(name) is not None


def test_a_shared_name_with_its_memory_identifies_the_part():
    assert devices.identify("CUDA0", "NVIDIA GeForce RTX 3060", 8 * GIB).sku == "GeForce RTX 3060 8 GB"
    assert devices.identify("NVIDIA GeForce RTX 4060 Ti", "", 16380 * MIB).sku == "GeForce RTX 4060 Ti 16 GB"


def test_two_jetsons_of_one_name_and_size_are_unknown():
    """CUDA calls Orin NX and Orin Nano "Orin", and both are sold with 8 GB: 102.4 and 68 or 102 GB/s."""
    assert devices.find("Orin", 7620 * MIB) is None
    assert devices.find("Xavier", 15 * GIB) is None


ALIKE = [
    ("AMD Radeon Graphics (RADV GFX1151)", None, 256_000_000_000),
    ("AMD Radeon Graphics, gfx1151 (0x1151), VMM: no, Wave Size: 32", 96 * GIB, 256_000_000_000),
    ("gfx1151", None, 256_000_000_000),
    ("Intel(R) Arc(TM) Graphics (LNL)", None, 136_500_000_000),
    ("AMD Instinct MI60 / MI50", 32752 * MIB, 1_024_000_000_000),
    ("AMD Instinct MI250X/MI250", 65520 * MIB, 1_638_400_000_000),
    ("Intel(R) Arc(TM) Pro A40/A50 Graphics", 6 * GIB, 192_000_000_000),
]


@pytest.mark.parametrize(("name", "memory", "bandwidth"), ALIKE)
def test_a_name_of_parts_of_one_bandwidth_bounds_and_identifies_none(name, memory, bandwidth):
    found = devices.candidates(name, memory)
    assert len(found) > 1
    assert devices.identify(name, "", memory) is None
    assert devices.find(name, memory).bound_bytes_per_s == bandwidth
    assert not devices.find(name, memory).peak_flops  # of unlike parts no peak holds for each


def test_a_size_in_a_name_is_the_vendors_to_the_gigabyte():
    """An H100 has 80, 94 or 96 GB, each with a memory of its own."""
    assert [d.sku for d in devices.candidates("NVIDIA H100 SXM5 94GB")] == ["H100 SXM5 94 GB"]
    assert devices.candidates("H100 SXM 94 GB") == ()
    assert devices.candidates("H100 SXM 80GB")[0].sku == "H100 SXM"


def test_a_part_is_known_by_its_name_before_its_chip():
    assert devices.identify("AMD Radeon 8060S Graphics (RADV GFX1151)", "", None).sku == "Radeon 8060S"


def test_memory_of_the_machines_choice_bounds_nothing():
    part = devices.find("AMD Radeon 780M Graphics")
    assert part.bandwidth_bytes_per_s == 120_000_000_000
    assert part.bound_bytes_per_s is None
    assert devices.find("Adreno (TM) 830").bandwidth_bytes_per_s is None
    assert devices.find("NVIDIA GeForce RTX 3060").bound_bytes_per_s == 360_000_000_000


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("GeForce RTX 409", "GeForce RTX 4090"),
        ("radeon 7900xtxx", "Radeon RX 7900 XTX"),
        ("Aple M3 Ultra", "Apple M3 Ultra"),
    ],
)
def test_a_mistyped_name_has_its_part_among_the_nearest(typed, meant):
    assert devices.find(typed) is None
    assert meant in devices.nearest(typed)


@pytest.mark.parametrize(
    ("typed", "meant", "never"),
    [
        ("A100", {"A100 PCIe 40 GB", "A100 PCIe 80 GB", "A100 SXM 40 GB", "A100 SXM 80 GB"}, "A10"),
        ("A100 80GB", {"A100 PCIe 80 GB", "A100 SXM 80 GB"}, "A100 SXM 40 GB"),
        ("3090", {"GeForce RTX 3090", "GeForce RTX 3090 Ti"}, "B300"),
        ("RTX PRO 6000", {"RTX PRO 6000 Blackwell Workstation Edition"}, "RTX A6000"),
        ("M3 Max", {"Apple M3 Max", "Apple M3 Max 30-core GPU"}, "Apple M2 Max"),
        ("V100", {"V100 SXM2 16 GB"}, "H100 SXM"),
    ],
)
def test_a_name_that_leaves_its_part_open_has_its_parts_among_the_nearest_and_no_other(typed, meant, never):
    assert meant <= set(devices.nearest(typed))
    assert never not in devices.nearest(typed)


def test_a_name_like_no_other_has_no_nearest():
    assert devices.nearest("zzzzzzzzzzzz") == []
    assert devices.nearest("") == []


@given(st.text(max_size=200), st.none() | st.integers())
def test_no_name_breaks_it(name, memory):
    devices.find(name, memory)


@given(st.sampled_from(devices.table()), st.data())
def test_case_marks_and_the_vendors_name_change_nothing(device, data):
    name = data.draw(st.sampled_from([device.sku, *device.aliases]))
    name = data.draw(st.sampled_from([str, str.upper, str.lower]))(name)
    if device.vendor != "Apple":
        name = f"{device.vendor}{data.draw(st.sampled_from(['', '(R)', '(TM)', ' Corporation', '™']))} {name}"
    memory = None if device.memory_gib is None else device.memory_gib * GIB
    assert device in devices.candidates(name, memory)
    assert devices.find(name, memory).bound_bytes_per_s == device.bound_bytes_per_s


@given(st.sampled_from(devices.table()), st.sampled_from(["Ti", "SUPER", "Laptop GPU", "D", "X", "Max-Q"]))
def test_a_suffix_is_another_part_or_none(device, suffix):
    found = devices.find(f"{device.sku} {suffix}")
    assert found is None or found.sku != device.sku


def test_the_table_is_large_sourced_and_plausible():
    table = devices.table()
    assert len(table) >= 450
    assert len({device.sku for device in table}) == len(table)
    assert Counter(device.vendor for device in table).keys() == {"NVIDIA", "AMD", "Intel", "Apple", "Qualcomm", "Arm"}
    for device in table:
        assert len(device.source) > 10, device.sku
        assert device.aliases, device.sku
        assert device.form in devices.FORMS, device.sku
        assert device.memory_gib is None or 2 <= device.memory_gib <= 512, device.sku
        assert device.bandwidth_bytes_per_s is None or 25e9 < device.bandwidth_bytes_per_s <= 8e12, device.sku
    assert sum(device.bandwidth_bytes_per_s is not None for device in table) >= 380


def test_no_file_of_the_table_is_unwieldy():
    for path in (configs() / "devices").glob("*.toml"):
        assert len(path.read_text().splitlines()) <= 600, path.name


def test_peaks_stand_in_the_order_that_the_hardware_has():
    for device in devices.table():
        peaks = device.peak_flops
        if not peaks:
            continue
        assert all(4e12 < peak < 1e16 for peak in peaks.values()), device.sku
        # A prefill's bound is the largest: it has to be of the type in which kernels are fastest.
        assert max(peaks, key=lambda dtype: (peaks[dtype], dtype == "int8")) in ("int8", "fp4"), device.sku
        assert "fp4" in peaks or device.generation != "Blackwell", device.sku
        assert peaks.get("bf16", 0) <= peaks.get("fp16", peaks["int8"]) <= peaks["int8"], device.sku


def test_a_laptop_part_is_never_faster_than_the_desktop_part_of_its_number_and_memory_kind():
    """All but the 5050's, whose laptop part has GDDR7 where the desktop part has GDDR6."""
    known = [d for d in devices.table() if d.bandwidth_bytes_per_s is not None]
    desktop = {d.sku: d for d in known if d.form == "desktop"}
    pairs = [
        (laptop, desktop[laptop.aliases[0].removeprefix("NVIDIA ").removesuffix(" Laptop GPU")])
        for laptop in known
        if laptop.form == "laptop" and laptop.aliases[0].removeprefix("NVIDIA ").removesuffix(" Laptop GPU") in desktop
    ]
    assert len(pairs) >= 10
    faster = {laptop.sku for laptop, whole in pairs if laptop.bandwidth_bytes_per_s > whole.bandwidth_bytes_per_s}
    assert faster == {"GeForce RTX 5050 Laptop GPU"}


# Part, what a token reads at least (bytes), decode rate (tokens/s) as its owner published it. Llama 3.1 8B Q4_K_M without its
# embedding is 4.63 GB, Llama 2 7B 3.82 GB in Q4_0 and 13.48 GB in F16, the 27B model 15.48 GiB in Q4_K_M.
MEASURED = [
    ("Apple M4", 4.63e9, 20.87),  # github.com/brand-o/normiebench/issues/3
    ("Apple M1 Max", 4.63e9, 46.2),  # github.com/brand-o/normiebench/issues/40
    ("Apple M2 Pro", 3.82e9, 34.59),  # github.com/XiongjieDai/GPU-Benchmarks-on-LLM-Inference/issues/1
    ("Apple M2 Pro", 13.48e9, 10.85),  # the same
    ("Radeon RX 7900 XTX (RADV NAVI31)", 15.48 * GIB, 34.50),  # github.com/ggml-org/llama.cpp/pull/25051
]


@pytest.mark.parametrize(("name", "size", "rate"), MEASURED)
def test_rates_that_were_measured_lie_below_the_bound_and_not_far_below(name, size, rate):
    bound = decode_ceiling(devices.find(name).bandwidth_bytes_per_s, 1, size)
    assert 0.5 * bound < rate < bound


def test_a_4060_that_claims_a_4090s_rate_is_caught_and_a_4090_is_not():
    """Eight billion parameters in 4.9 GB: 150 tokens/s is what a 4090 does, and three times what a 4060's memory allows."""
    small, large = devices.find("NVIDIA GeForce RTX 4060"), devices.find("NVIDIA GeForce RTX 4090")
    bounds = {d.sku: Ceiling(decode_ceiling(d.bandwidth_bytes_per_s, 1, 4.9e9), d.sku) for d in (small, large)}
    assert "2.70 times the 55.5 that GeForce RTX 4060 allows" in impossible(150.0, bounds[small.sku], 0.05)
    assert impossible(150.0, bounds[large.sku], 0.05) == ""


@pytest.fixture
def folder(tmp_path):
    """A copy of the shipped table."""
    shutil.copytree(configs() / "devices", tmp_path / "devices")
    return tmp_path / "devices"


PART = """
[[device]]
sku = "{sku}"
aliases = ["{alias}"]
generation = "Xe-HPG"
form = "{form}"
memory_gib = {memory}
bandwidth_gb_s = 500
source = "arc_a"
"""


@pytest.mark.parametrize(
    ("alias", "memory", "form"),
    [
        ("Intel Arc A750", 8, "desktop"),
        ("intel(r) arc(TM) a750 graphics (DG2)", 8, "desktop"),
        ("Intel(R) Arc(TM) A770 Graphics", 9, "desktop"),  # a driver's 8.1 GiB may be of 8 or of 9
        ("Intel(R) Arc(TM) A750 Graphics", 64, "integrated"),
    ],
)
def test_a_name_that_two_parts_share_is_refused_with_both(folder, alias, memory, form):
    with (folder / "intel.toml").open("a") as file:
        file.write(PART.format(sku="Arc Impostor", alias=alias, memory=memory, form=form))
    with pytest.raises(BadInput, match=r"'Arc A7.*' and 'Arc Impostor' are both called"):
        devices.read(folder)


def test_one_name_may_mean_two_parts_of_different_memory(folder):
    more = PART.format(sku="Arc A750 32 GB", alias="Intel(R) Arc(TM) A750 Graphics", memory=32, form="desktop")
    with (folder / "intel.toml").open("a") as file:
        file.write(more)
    assert len(devices.read(folder)) == len(devices.table()) + 1


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('source = "arc_a"', 'source = "hearsay"', "its source 'hearsay' is not among the documents"),
        ('source = "arc_a"', "", "source"),
        ("peak_tflops = { int8 = 229 }", "peak_tflops = { fp16 = 114 }", "peaks without int8 bound nothing"),
        ("peak_tflops = { int8 = 229 }", "peak_tflops = { int8 = -1 }", "int8"),
        ("bandwidth_gb_s = 124", "bandwidth_gb_s = 124e9", "bandwidth_gb_s"),
        ("bandwidth_gb_s = 124", "bandwidth_gb_s = 124\nslower_gb_s = 124", "slower_gb_s must be less"),
        ("memory_gib = 4", "memory_gib = 3.5", "memory_gib"),
        ("memory_gib = 4\n", "", "memory_gib must be given"),
        ("memory_gib = 4", "memory_gib = 4\nmachines_memory = true", "only an integrated part"),
        ("memory_gib = 4", "memory_gib = 4\nmachines_gib = [4]", "told by the memory of its machine"),
        ('form = "server"', 'form = "cloud"', "form"),
        ('vendor = "Intel"', 'vendor = "intel"', "vendor"),
        ('sku = "Arc A310"', 'sku = "Arc A310"\ncolour = "blue"', "colour"),
        ('sku = "Arc A380"', 'sku = "Arc A310"', "'Arc A310' and 'Arc A310' are both called"),
    ],
)
def test_a_broken_table_is_refused_in_one_line(folder, before, after, words):
    assert words in broken_tables.refusal(devices.read, folder / "intel.toml", before, after)


@pytest.mark.parametrize(("gib", "skus"), [(36, ["Apple M4 Max 32-core GPU"]), (64, ["Apple M4 Max"]), (40, [])])
def test_the_machines_memory_tells_chips_of_one_name_apart_and_a_drivers_share_of_it_does_not(gib, skus):
    assert [part.sku for part in devices.of_machine("Apple M4 Max", gib * GIB)] == skus
    assert (
        devices.identify("Apple M4 Max", "", gib * GIB).sku == "Apple M4 Max"
    )  # Metal shows 27 of 36 GiB, or 48 of 64


@pytest.mark.parametrize(
    ("tier", "shown", "sku"),
    [
        (48, 27, "Apple M4 Max 32-core GPU"),  # 36 GB are in the tier of 48: what Metal shows decides
        (48, 36, "Apple M4 Max"),
        (48, 33, None),  # somebody set another limit
        (48, None, None),
        (64, 60, "Apple M4 Max"),
        (None, 27, "Apple M4 Max 32-core GPU"),
        (None, None, None),
        (24, 18, None),  # not sold so
    ],
)
def test_a_record_tells_chips_of_one_name_apart_or_none(tier, shown, sku):
    part = devices.find("Apple M4 Max")
    found = devices.as_recorded(part, tier, shown and shown * GIB)
    assert (found and found.sku) == sku
    card = devices.find("NVIDIA GeForce RTX 4090")
    assert devices.as_recorded(card, tier, shown and shown * GIB) is card


def test_a_card_of_its_own_memory_is_told_as_its_driver_tells_it():
    (part,) = devices.of_machine("NVIDIA GeForce RTX 3060", 8 * GIB)
    assert part.sku == "GeForce RTX 3060 8 GB"


def test_an_empty_folder_is_no_table(tmp_path):
    with pytest.raises(BadInput, match="holds no device"):
        devices.read(tmp_path)
