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


@pytest.mark.parametrize(
    ("model", "instructions", "design"),
    [
        (167, ["avx512f", "amx_int8"], None),  # told by a hypervisor; a Rocket Lake has no tiles
        (167, ["avx512f"], "Rocket Lake"),
        (207, ["avx512f", "amx_tile", "amx_int8", "amx_bf16"], "Emerald Rapids"),
        (63, ["avx2", "avx512f"], None),  # a Haswell has no vectors so wide
        (63, ["avx2"], "Haswell"),
        (183, ["avx512_vnni"], None),
        (85, ["avx512f"], "Skylake"),
    ],
)
def test_numbers_that_the_instructions_contradict_tell_no_design(model, instructions, design):
    assert design_of("GenuineIntel", 6, model, instructions) == design


def test_a_zen_3_with_wider_vectors_than_it_has_is_none():
    assert design_of("AuthenticAMD", 25, 1, ["avx2"]) == "Zen 3"
    assert design_of("AuthenticAMD", 25, 1, ["avx2", "avx512f"]) is None
    assert design_of("AuthenticAMD", 25, 17, ["avx512f"]) == "Zen 4"
