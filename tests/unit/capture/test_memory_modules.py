"""Memory modules as SMBIOS has them: width × rate of what is plugged in, and nothing where the firmware or the system says nothing."""

import pytest

from harness.capture import memory_modules
from harness.capture.memory_modules import Module


def structure(*, size=0x4000, bits=64, rate=3200, length=0x5C, kind=17, extended=0):
    raw = bytearray(length)
    raw[0], raw[1] = kind, length
    raw[0x0A:0x0C] = bits.to_bytes(2, "little")
    raw[0x0C:0x0E] = size.to_bytes(2, "little")
    raw[0x20:0x22] = rate.to_bytes(2, "little")
    raw[0x58:0x5C] = extended.to_bytes(4, "little")
    return bytes(raw) + b"DIMM_A1\0\0"


def test_a_module_is_its_data_bits_and_its_configured_rate():
    assert memory_modules.parse(structure()) == Module(64, 3200)
    assert memory_modules.parse(structure(bits=32, rate=8533)) == Module(32, 8533)
    assert memory_modules.parse(structure(rate=0xFFFF, extended=70_000)) == Module(64, 70_000)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x11\x5c",
        structure(size=0),
        structure(bits=0xFFFF),
        structure(rate=0),
        structure(rate=0xFFFF),
        structure(kind=16),
        structure(length=0x5C)[:0x20],
    ],
    ids=[
        "nothing",
        "cut short",
        "empty slot",
        "no width",
        "no rate",
        "no extended rate",
        "another structure",
        "cut at the rate",
    ],
)
def test_what_is_no_module_or_leaves_something_out_is_none(raw):
    assert memory_modules.parse(raw) is None


def test_modules_are_read_from_the_firmwares_entries(tmp_path):
    for number, raw in enumerate([structure(), structure(size=0), structure(rate=2933)]):
        (tmp_path / f"17-{number}").mkdir()
        (tmp_path / f"17-{number}" / "raw").write_bytes(raw)
    (tmp_path / "1-0").mkdir()
    (tmp_path / "1-0" / "raw").write_bytes(structure(kind=1))
    found = memory_modules.read(tmp_path)
    assert found == (Module(64, 3200), Module(64, 2933))
    assert memory_modules.bandwidth_bytes_per_s(found, 8 * 64) == 2 * 8 * 2933 * 1_000_000


def test_entries_that_may_not_be_read_tell_nothing(tmp_path):
    (tmp_path / "17-0" / "raw").mkdir(parents=True)  # as a file that can't be opened for reading
    assert memory_modules.read(tmp_path) == ()
    assert memory_modules.bandwidth_bytes_per_s((), 512) is None


def test_two_modules_of_one_channel_are_no_wider_than_the_channel():
    four = [Module(64, 3200)] * 4
    assert memory_modules.bandwidth_bytes_per_s(four, 2 * 64) == 51_200_000_000
