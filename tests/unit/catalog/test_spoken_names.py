"""What people call a part: the part that it is, or suggestions, and never another part."""

import pytest

from harness.catalog import devices
from harness.catalog.spoken_names import plain, several, suggestions


@pytest.mark.parametrize(
    ("said", "sku"),
    [
        ("RTX4070", "GeForce RTX 4070"), ("4070 super", "GeForce RTX 4070 SUPER"), ("4070", "GeForce RTX 4070"),
        ("4070ti super", "GeForce RTX 4070 Ti SUPER"), ("1080ti", "GeForce GTX 1080 Ti"), ("Nvidia 4090", "GeForce RTX 4090"),
        ("RX 7900XTX", "Radeon RX 7900 XTX"), ("7900 XTX", "Radeon RX 7900 XTX"), ("9070 xt", "Radeon RX 9070 XT"),
        ("A6000", "RTX A6000"), ("B580", "Arc B580"), ("R9700", "Radeon AI PRO R9700"), ("W7900", "Radeon PRO W7900"),
        ("Apple M2", "Apple M2"), ("M2", "Apple M2"), ("M4 Pro", "Apple M4 Pro"), ("Mac mini M4", "Apple M4"),
        ("MacBook Air M1", "Apple M1"), ("MacBook Pro 14 M4 Pro", "Apple M4 Pro"), ("Mac Studio M2 Ultra", "Apple M2 Ultra"),
        ("RTX 4070 mobile", "GeForce RTX 4070 Laptop GPU"), ("RTX 4090M", "GeForce RTX 4090 Laptop GPU"),
        ("laptop 4090", "GeForce RTX 4090 Laptop GPU"), ("RX 6800M", "Radeon RX 6800M"),
        ("Ryzen AI Max+ 395", "Radeon 8060S"), ("AI Max 395", "Radeon 8060S"),
        ("ＲＴＸ ４０７０ Ｔｉ ＳＵＰＥＲ", "GeForce RTX 4070 Ti SUPER"), ("GeForce® RTX™ 4090", "GeForce RTX 4090"),
    ],
)  # fmt: skip
def test_a_natural_spelling_is_the_part_that_it_means(said, sku):
    assert [part.sku for part in devices.of_machine(plain(said))] == [sku]


def test_a_macs_chip_of_two_widths_is_told_by_its_memory():
    name, gib = plain("MacBook Pro M3 Max"), 1 << 30
    assert [part.sku for part in devices.of_machine(name, 36 * gib)] == ["Apple M3 Max 30-core GPU"]
    assert [part.sku for part in devices.of_machine(name, 64 * gib)] == ["Apple M3 Max"]


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("Strix Halo", "Radeon 8060S"), ("Framework Desktop", "Radeon 8060S"), ("Steam Deck", "Steam Deck (LCD)"),
        ("AMD 4090", None), ("770", None), ("580", None), ("A100", "A100 SXM 40 GB"), ("6000 Ada", "RTX 6000 Ada Generation"),
        ("RTX 4090 笔记本", "GeForce RTX 4090"), ("RTX 4090 ноутбук", "GeForce RTX 4090"), ("ЖЖ4090", None),
        ("RTX 4090²", None), ("М4 Мах", None), ("GPU", None), ("NVIDIA", None), ("MacBook Pro", None), ("cpu", None), ("", None), ("RTX 4070 Ti mobile", None),
    ],
)  # fmt: skip
def test_what_may_be_several_parts_or_none_is_no_part_and_has_suggestions(said, first):
    assert plain(said) == said
    assert not devices.of_machine(said)
    assert first is None or suggestions(said)[0] == first


def test_every_name_of_the_table_stays_as_it_is():
    for part in devices.table():
        for name in (part.sku, *part.aliases):
            assert plain(name) == name


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("2x RTX 3090", (2, "RTX 3090")),
        ("RTX 3090 x2", (2, "RTX 3090")),
        ("3 × 4090", (3, "RTX 4090")),
        ("RTX 3090", None),
    ],
)
def test_several_of_a_part_are_told_as_so_many(said, told):
    assert several(said) == told
