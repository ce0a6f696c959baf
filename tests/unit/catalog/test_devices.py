"""The hardware table, and the names that drivers really report."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.catalog import devices
from harness.errors import BadInput
from harness.tiers.physics import decode_ceiling, prefill_ceiling

GIB = 1 << 30

REPORTED = [
    ("NVIDIA GeForce RTX 4090", None, "GeForce RTX 4090"),
    ("NVIDIA GeForce RTX 4090 Laptop GPU", None, "GeForce RTX 4090 Laptop GPU"),
    ("GeForce RTX 3090", None, "GeForce RTX 3090"),
    ("NVIDIA GeForce RTX 3090 Ti", None, "GeForce RTX 3090 Ti"),
    ("NVIDIA GeForce RTX 3080", 10 * GIB, "GeForce RTX 3080 10 GB"),
    ("NVIDIA GeForce RTX 3080", 12 * GIB, "GeForce RTX 3080 12 GB"),
    ("NVIDIA GeForce RTX 3080 Ti", 12 * GIB, "GeForce RTX 3080 Ti"),
    ("NVIDIA GeForce RTX 4060 Ti", 8188 << 20, "GeForce RTX 4060 Ti 8 GB"),
    ("NVIDIA GeForce RTX 4060 Ti", 16380 << 20, "GeForce RTX 4060 Ti 16 GB"),
    ("NVIDIA GeForce RTX 4070 SUPER", None, "GeForce RTX 4070 SUPER"),
    ("NVIDIA GeForce RTX 4070 Ti SUPER", None, "GeForce RTX 4070 Ti SUPER"),
    ("NVIDIA GeForce RTX 5090", None, "GeForce RTX 5090"),
    ("NVIDIA GeForce GTX 1080 Ti", None, "GeForce GTX 1080 Ti"),
    ("NVIDIA RTX A6000", None, "RTX A6000"),
    ("NVIDIA RTX 6000 Ada Generation", None, "RTX 6000 Ada Generation"),
    ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", None, "RTX PRO 6000 Blackwell"),
    ("Tesla T4", None, "T4"),
    ("Tesla V100-SXM2-16GB", None, "Tesla V100 16 GB"),
    ("Tesla V100-SXM2-32GB", None, "Tesla V100 32 GB"),
    ("NVIDIA A100-SXM4-80GB", None, "A100 SXM 80 GB"),
    ("NVIDIA A100-SXM4-40GB", None, "A100 SXM 40 GB"),
    ("NVIDIA A100 80GB PCIe", None, "A100 PCIe 80 GB"),
    ("NVIDIA A100-PCIE-40GB", None, "A100 PCIe 40 GB"),
    ("NVIDIA H100 80GB HBM3", None, "H100 SXM"),
    ("NVIDIA H100 PCIe", None, "H100 PCIe"),
    ("NVIDIA H100 NVL", None, "H100 NVL"),
    ("NVIDIA H200", None, "H200 SXM"),
    ("NVIDIA L40S", None, "L40S"),
    ("NVIDIA L4", None, "L4"),
    ("NVIDIA GH200 480GB", None, "GH200 96 GB"),
    ("NVIDIA GB10", None, "GB10"),
    ("AMD Radeon RX 7900 XTX (RADV NAVI31)", None, "Radeon RX 7900 XTX"),
    ("AMD Radeon RX 7900 XT", None, "Radeon RX 7900 XT"),
    ("AMD Radeon RX 9070 XT (RADV GFX1201)", None, "Radeon RX 9070 XT"),
    ("AMD Instinct MI300X", None, "Instinct MI300X"),
    ("Radeon 8060S Graphics (RADV GFX1151)", None, "Radeon 8060S"),
    ("Intel(R) Arc(TM) A770 Graphics (DG2)", 16 * GIB, "Arc A770 16 GB"),
    ("Intel(R) Arc(tm) A770 Graphics (DG2)", 8 * GIB, "Arc A770 8 GB"),
    ("Intel(R) Arc(TM) B580 Graphics", None, "Arc B580"),
    ("Apple M3 Max", None, "Apple M3 Max"),
    ("Apple M3", None, "Apple M3"),
    ("Apple M2 Ultra", None, "Apple M2 Ultra"),
]


@pytest.mark.parametrize(("name", "memory", "sku"), REPORTED, ids=[f"{r[0]} {r[1] or ''}" for r in REPORTED])
def test_what_drivers_report_is_found(name, memory, sku):
    found = devices.find(name, memory)
    assert found is not None
    assert found.sku == sku


@pytest.mark.parametrize(
    "name", ["", "CPU", "AMD EPYC", "NVIDIA GeForce RTX 4095", "RTX", "Synthetic GPU A", "Apple", "Ti"]
)
def test_what_is_not_in_the_table_is_nothing(name):
    assert devices.find(name) is None


@given(st.text(max_size=200), st.one_of(st.none(), st.integers(0, 2**60)))
def test_no_name_breaks_it(name, memory):
    devices.find(name, memory)


def test_the_table_is_large_and_has_sources():
    table = devices.table()
    assert len(table) >= 60
    assert {device.vendor for device in table} == {"nvidia", "amd", "intel", "apple"}
    for device in table:
        assert device.source
        assert 50e9 < device.bandwidth_bytes_per_s < 10e12, device.sku
        assert all(10e12 < peak < 1e16 for peak in device.peak_flops.values()), device.sku
        assert devices.find(device.sku, device.memory_gib * GIB) is device, device.sku


def test_a_name_that_two_parts_share_is_refused():
    one = devices.table()[0]
    with pytest.raises(BadInput, match="are both called"):
        devices.by_name([one, dataclasses.replace(one, sku="Another", aliases=(one.sku,))])


def test_two_devices_read_twice_as_fast():
    one = devices.find("NVIDIA GeForce RTX 3090")
    weights = 5e9
    assert decode_ceiling(one.bandwidth_bytes_per_s, 1, weights) == pytest.approx(187.24)
    assert decode_ceiling(one.bandwidth_bytes_per_s, 2, weights) == pytest.approx(374.48)


def test_a_4060_does_not_decode_like_a_4090():
    """8 billion parameters in 4.9 GB: 150 tokens/s are a 4090's, and three times what a 4060's memory allows."""
    rate, weights = 150.0, 4.9e9
    small, large = devices.find("NVIDIA GeForce RTX 4060"), devices.find("NVIDIA GeForce RTX 4090")
    assert rate > decode_ceiling(small.bandwidth_bytes_per_s, 1, weights)
    assert rate < decode_ceiling(large.bandwidth_bytes_per_s, 1, weights)


def test_prefill_is_bound_by_arithmetic():
    large = devices.find("NVIDIA GeForce RTX 4090")
    assert prefill_ceiling(max(large.peak_flops.values()), 1, 8e9) == pytest.approx(41287.5)
