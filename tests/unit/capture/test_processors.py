"""Names of processors, from /proc/cpuinfo as machines of many makers write it."""

import pytest

from harness.capture.cpu import read_cpu
from harness.capture.facts import known, to_plain
from harness.capture.source import Source, Tree


def arm(implementer, *parts):
    return "".join(
        f"processor\t: {n}\nCPU implementer\t: {implementer}\nCPU part\t: {p}\n\n" for n, p in enumerate(parts)
    )


def x86(vendor, brand, family=6, model=143):
    return f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\nmodel name\t: {brand}\n"


def name_in(root, cpuinfo, machine="aarch64", **files):
    for name, text in {"proc/cpuinfo": cpuinfo, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return read_cpu(Source("Linux", machine, Tree(root), {}, known(frozenset({0})))).model


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        (arm("0x41", "0xd0c"), "Arm Neoverse-N1"),
        (arm("0x41", "0xd4f"), "Arm Neoverse-V2"),
        (arm("0xc0", "0xac3"), "Ampere AmpereOne"),
        (arm("0x51", "0x001"), "Qualcomm Oryon"),
        (arm("0x48", "0xd01"), "HiSilicon TaiShan-v110"),
        (arm("0x61", "0x022", "0x023"), "Apple M1"),
        (arm("0x41", "0xd05", "0xd0b", "0xd0b"), "Arm Cortex-A55 + Cortex-A76"),
        (arm("0x41", "0xfff"), "Arm part 0xfff"),
        ("processor\t: 0\nmodel name\t: ARMv7 Processor rev 3 (v7l)\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n", "Arm Cortex-A72"),
        (x86("GenuineIntel", "Intel(R) Core(TM) Ultra 7 155H"), "Intel(R) Core(TM) Ultra 7 155H"),
        (x86("HygonGenuine", "Hygon C86 7285 32-core Processor"), "Hygon C86 7285 32-core Processor"),
        (x86("CentaurHauls", "unknown", 7, 91), "VIA/Zhaoxin family 7 model 91"),
        (x86("  Shanghai  ", "ZHAOXIN KaiXian KX-U6780A@2.7GHz"), "ZHAOXIN KaiXian KX-U6780A@2.7GHz"),
        ("processor\t: 0\ncpu\t\t: POWER9 (raw), altivec supported\nclock\t: 3800MHz\n", "IBM POWER9"),
        ("processor\t: 0\nhart\t: 1\nisa\t: rv64imafdc\nuarch\t: sifive,u74-mc\n", "RISC-V sifive,u74-mc"),
        ("processor\t: 0\nisa\t: rv64gc\nmvendorid\t: 0x710\nmarchid\t: 0x8000000058000001\n", "RISC-V 0x710 0x8000000058000001"),
        ("system type\t: generic\n\nprocessor\t: 0\nCPU Family\t: Loongson-64bit\nModel Name\t: Loongson-3A6000\n", "Loongson-3A6000"),
    ],
)  # fmt: skip
def test_processors_of_all_makers_have_their_names(tmp_path, cpuinfo, name):
    assert name_in(tmp_path, cpuinfo).value == name


@pytest.mark.parametrize(
    ("maker", "part", "name"),
    [
        ("Amazon EC2", "0xd0c", "AWS Graviton2 (Neoverse-N1)"),
        ("Amazon EC2", "0xd4f", "AWS Graviton4 (Neoverse-V2)"),
        ("Google", "0xd4f", "Google Axion (Neoverse-V2)"),
        ("Google", "0xd84", "Arm Neoverse-V3"),
        ("Supermicro", "0xd4f", "Arm Neoverse-V2"),
    ],
)
def test_a_cloud_sells_a_core_under_its_own_name(tmp_path, maker, part, name):
    assert name_in(tmp_path, arm("0x41", part), **{"sys/class/dmi/id/sys_vendor": maker}).value == name


def test_a_cloud_that_sells_grace_beside_its_own_chip_is_not_guessed(tmp_path):
    files = {"sys/class/dmi/id/sys_vendor": "Amazon EC2", "sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de\n"}
    assert name_in(tmp_path, arm("0x41", "0xd4f"), **files).value == "Arm Neoverse-V2"


def test_an_ultra_is_not_called_a_max(tmp_path):
    assert name_in(tmp_path, arm("0x61", "0x028", "0x029")).value == "Apple M1 Max or Ultra"


def test_a_chips_own_id_says_more_than_the_maker_of_its_board(tmp_path):
    files = {"sys/class/dmi/id/sys_vendor": "Supermicro", "sys/devices/soc0/soc_id": "jep106:036b:0241\n"}
    assert name_in(tmp_path, arm("0x41", "0xd4f"), **files).value == "NVIDIA Grace (Neoverse-V2)"


def test_a_mainframes_serial_number_is_in_no_fact(tmp_path):
    text = "vendor_id       : IBM/S390\n# processors    : 1\nprocessor 0: version = FF,  identification = 0ABCDE,  machine = 3931\n"
    found = name_in(tmp_path, text, "s390x")
    assert found.value == "IBM Z machine 3931"
    assert "0ABCDE" not in str(to_plain(found))


@pytest.mark.parametrize(
    "cpuinfo", ["", "processor\t: 0\nBogoMIPS\t: 50\n", x86("Nobody", "unknown"), "processor: 0\nisa: rv64gc\n"]
)
def test_a_processor_that_nothing_names_is_unknown_with_a_reason(tmp_path, cpuinfo):
    found = name_in(tmp_path, cpuinfo)
    assert (found.value, bool(found.reason)) == (None, True)
