"""What stands for arithmetic that no document has: the generation's, by bandwidth; parts on a processor's own chip apart."""

from statistics import median

from harness.catalog import devices
from harness.catalog.device_peaks import Like, operations_a_byte


def test_each_kind_has_the_middle_of_its_own():
    card, chip = Like("NVIDIA", "Blackwell", False), Like("NVIDIA", "Blackwell", True)
    found = operations_a_byte([(card, 10.0, 2.0), (card, 40.0, 2.0), (card, 12.0, 2.0), (chip, 1.0, 1.0)])
    assert found == {card: 6.0, chip: 1.0}


def test_a_part_has_a_published_peak_or_that_of_its_like_and_never_both():
    for device in devices.table():
        assert not (device.peak_flops and device.like_flops), device.sku
    ampere = [d for d in devices.table() if (d.vendor, d.generation) == ("NVIDIA", "Ampere") and d.form != "integrated"]
    ratios = [d.fastest_flops / d.bandwidth_bytes_per_s for d in ampere if d.fastest_flops]
    own = devices.find("GeForce RTX 3060 12 GB")
    assert own.like_flops == median(ratios) * own.bandwidth_bytes_per_s


def test_where_no_like_is_known_nothing_stands_for_it():
    for name in ("Apple M2", "GB10", "Radeon 8060S"):
        assert devices.find(name).like_flops is None, name
