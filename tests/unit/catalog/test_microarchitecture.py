"""A processor's design comes from a closed list: other numbers are unknown, never another generation."""

import pytest

from harness.catalog.microarchitecture import design_of


@pytest.mark.parametrize(
    ("vendor", "family", "model", "design"),
    [
        ("AuthenticAMD", 25, 1, "Zen 3"),
        ("AuthenticAMD", 25, 17, "Zen 4"),
        ("AuthenticAMD", 23, 49, "Zen 2"),
        ("AuthenticAMD", 26, 2, "Zen 5"),
        ("GenuineIntel", 6, 143, "Sapphire Rapids"),
        ("GenuineIntel", 6, 85, "Skylake"),
        ("GenuineIntel", 6, 183, "Raptor Lake"),
        ("HygonGenuine", 24, 0, "Dhyana"),
        ("AuthenticAMD", 25, 255, None),
        ("AuthenticAMD", 99, 1, None),
        ("GenuineIntel", 6, 1000, None),
        ("GenuineIntel", 5, 143, None),
        ("AuthenticAMD", None, 1, None),
        (None, 6, 143, None),
        ("ARM", 8, 0xD0C, None),
    ],
)
def test_a_design_is_read_from_its_numbers(vendor, family, model, design):
    assert design_of(vendor, family, model) == design
