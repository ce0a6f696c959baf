"""Processors by platform and memory: a name is one platform or none, and channels × rate follow from what is known."""

import shutil

import pytest

from harness.catalog import platforms
from harness.errors import BadInput
from harness.paths import configs
from tests.support import broken_tables

NAMED = [
    ("AMD EPYC 7763 64-Core Processor", "EPYC 7003 (Milan)", 204.8),
    ("AMD EPYC 9654 96-Core Processor", "EPYC 9004 (Genoa, Bergamo)", 460.8),
    ("AMD Ryzen 7 5800X 8-Core Processor             ", "Ryzen 5000 (Vermeer)", 51.2),
    ("AMD Ryzen Threadripper 3970X 32-Core Processor", "Ryzen Threadripper 3000", 102.4),
    ("AMD Ryzen Threadripper PRO 5995WX 64-Cores", "Ryzen Threadripper PRO 5000WX", 204.8),
    ("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", "Ryzen AI Max 300 (Strix Halo)", 256.0),
    ("AMD Ryzen 7 8840U w/ Radeon 780M Graphics", "Ryzen 8040 (Hawk Point)", 120.0),
    ("Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz", "Xeon Scalable, 3rd generation (Ice Lake)", 204.8),
    ("Intel(R) Xeon(R) CPU E5-2690 v4 @ 2.60GHz", "Xeon E5 v4", 76.8),
    ("INTEL(R) XEON(R) 6980P", "Xeon 6900P", 844.8),
    ("13th Gen Intel(R) Core(TM) i5-13600K", "Core, 13th generation, desktop", 89.6),
    ("11th Gen Intel(R) Core(TM) i5-1135G7 @ 2.40GHz", "Core, 11th generation, laptop (UP3)", 68.272),
    ("Intel(R) N100", "Processor N100", 38.4),
    ("Raspberry Pi 5 Model B Rev 1.0", "Raspberry Pi 5 and CM5", 17.068),
    ("AMD EPYC 4564P 16-Core Processor", "EPYC 4004 (Raphael)", 83.2),
    ("AMD EPYC 4565P 16-Core Processor", "EPYC 4005 (Grado)", 89.6),
    ("AMD Ryzen 7 5700G with Radeon Graphics", "Ryzen 5000G (Cezanne)", 51.2),
    ("AMD Ryzen 7 8700G w/ Radeon 780M Graphics", "Ryzen 8000G (Phoenix)", 83.2),
    ("AMD Ryzen 9 7945HX3D with Radeon Graphics", "Ryzen 7045 (Dragon Range)", 83.2),
    ("AMD Ryzen 9 9955HX3D 16-Core Processor", "Ryzen 9000HX (Fire Range)", 89.6),
    ("Intel(R) Xeon(R) W-2295 CPU @ 3.00GHz", "Xeon W-2200", 93.856),
    ("Intel(R) Xeon(R) W-3375 CPU @ 2.50GHz", "Xeon W-3300", 204.8),
    ("Intel(R) Xeon(R) w5-2465X", "Xeon W-2400 and W-2500", 153.6),
    ("Intel(R) Xeon(R) w9-3495X", "Xeon W-3400 and W-3500", 307.2),
    ("Apple M1", "Apple M1 (processor)", 68.256),
    ("Apple M4", "Apple M4 (processor)", 120.0),
    ("Apple M4 Pro", "Apple M4 Pro (processor)", 273.056),
    ("AWS Graviton3 (Neoverse-V1)", "AWS Graviton3", 307.2),
]


@pytest.mark.parametrize(("name", "platform", "gb_s"), NAMED)
def test_a_processors_name_is_its_platform(name, platform, gb_s):
    found = platforms.find(name)
    assert found is not None
    assert found.name == platform
    assert found.bandwidth_bytes_per_s() == round(gb_s * 1e9)


@pytest.mark.parametrize(
    "name",
    ["", "AMD EPYC", "AMD EPYC 7R13 48-Core Processor", "Intel(R) Xeon(R) Processor", "Apple M9", "Neoverse-N1", "AMD EPYC 77631",
     "QEMU Virtual CPU version 2.5+", "Intel(R) Core(TM) i7-9750H@2.60GHz"],
)  # fmt: skip
def test_a_name_that_is_no_platforms_is_unknown(name):
    assert platforms.find(name) is None


@pytest.mark.parametrize("name", ["NVIDIA Grace", "NVIDIA Grace CPU Superchip", "Apple M4 Max", "Apple M3 Max"])
def test_a_platform_sold_with_memories_of_several_speeds_has_no_bandwidth(name):
    assert platforms.find(name).bandwidth_bytes_per_s() is None


def test_a_platform_whose_memory_nobody_publishes_has_no_bandwidth():
    found = platforms.find("AMD EPYC 9V74 80-Core Processor")
    assert found.name == "EPYC 9V74 (Azure)"
    assert found.bandwidth_bytes_per_s() is None
    assert found.bandwidth_bytes_per_s(channels=12, rate_mt_s=4800) == 460_800_000_000


def test_what_the_machine_tells_goes_before_the_vendors_figures():
    milan = platforms.find("EPYC 7003 (Milan)")
    assert milan.bandwidth_bytes_per_s(channels=4) == 102_400_000_000
    assert milan.bandwidth_bytes_per_s(rate_mt_s=2666) == 170_624_000_000


def test_every_name_of_the_table_is_of_one_platform():
    for one in platforms.table():
        for pattern in one.patterns:
            name = pattern.replace("?", "5").replace("*", "")
            assert [other.name for other in platforms.table() if platforms.matches(other, name)] == [one.name], name
        assert len(one.source) > 10


@pytest.fixture
def folder(tmp_path):
    """A copy of the shipped table."""
    shutil.copytree(configs() / "processors", tmp_path / "processors")
    return tmp_path / "processors"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("rate_mt_s = 2666\n", "", "give channels and rate_mt_s, or neither"),
        ('source = "epyc1"', 'source = "hearsay"', "is not among the documents"),
        ("channels = 8", "channels = 0", "channels"),
        ('names = ["AMD EPYC 7??1"]', 'names = ["AMD EPYC 7??2"]', "'AMD EPYC 7??2' stands twice"),
    ],
)
def test_a_broken_table_is_refused_in_one_line(folder, before, after, words):
    assert words in broken_tables.refusal(platforms.read, folder / "amd.toml", before, after)


def test_an_empty_folder_is_no_table(tmp_path):
    with pytest.raises(BadInput, match="holds no platform"):
        platforms.read(tmp_path)
