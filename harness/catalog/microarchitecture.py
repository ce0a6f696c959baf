"""Which design a processor of the x86 family is, by the numbers that it tells of itself: a closed list, or unknown. Pure.

Sources: the kernel's `arch/x86/include/asm/intel-family.h`, and AMD's processor programming references by family.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

# Design → models of family 6.
_INTEL_6: Mapping[str, tuple[int, ...]] = {
    "Nehalem": (0x1A, 0x1E, 0x1F, 0x2E),
    "Westmere": (0x25, 0x2C, 0x2F),
    "Sandy Bridge": (0x2A, 0x2D),
    "Ivy Bridge": (0x3A, 0x3E),
    "Haswell": (0x3C, 0x3F, 0x45, 0x46),
    "Broadwell": (0x3D, 0x47, 0x4F, 0x56),
    "Skylake": (0x4E, 0x5E, 0x55),  # with Cascade Lake and Cooper Lake, which share a number
    "Kaby Lake": (0x8E, 0x9E),  # with Coffee Lake and others of those numbers
    "Comet Lake": (0xA5, 0xA6),
    "Cannon Lake": (0x66,),
    "Ice Lake": (0x6A, 0x6C, 0x7D, 0x7E),
    "Rocket Lake": (0xA7,),
    "Tiger Lake": (0x8C, 0x8D),
    "Lakefield": (0x8A,),
    "Alder Lake": (0x97, 0x9A),
    "Gracemont": (0xBE,),
    "Raptor Lake": (0xB7, 0xBA, 0xBF),
    "Meteor Lake": (0xAA, 0xAC),
    "Arrow Lake": (0xB5, 0xC5, 0xC6),
    "Lunar Lake": (0xBD,),
    "Panther Lake": (0xCC,),
    "Sapphire Rapids": (0x8F,),
    "Emerald Rapids": (0xCF,),
    "Granite Rapids": (0xAD, 0xAE),
    "Sierra Forest": (0xAF,),
    "Clearwater Forest": (0xDD,),
    "Silvermont": (0x37, 0x4A, 0x4D, 0x5A, 0x5D),
    "Airmont": (0x4C, 0x75),
    "Goldmont": (0x5C, 0x5F, 0x7A),
    "Tremont": (0x86, 0x96, 0x9C),
    "Knights Landing": (0x57, 0x85),
}
_INTEL = {model: design for design, models in _INTEL_6.items() for model in models}
# Instructions → the designs that came with them. A hypervisor may tell another processor's numbers; it rarely hides what it has.
_HAVE: Mapping[str, frozenset[str]] = {
    "amx_": frozenset({"Sapphire Rapids", "Emerald Rapids", "Granite Rapids"}),
    "avx512": frozenset({
        "Knights Landing", "Skylake", "Cannon Lake", "Ice Lake", "Tiger Lake", "Rocket Lake", "Sapphire Rapids",
        "Emerald Rapids", "Granite Rapids", "Zen 4", "Zen 5",
        "Alder Lake",  # the first of them, before a microcode took it away
    }),
}  # fmt: skip
# (family, first model, last model) → design.
_AMD = (
    (0x15, 0x00, 0x7F, "Bulldozer"),
    (0x16, 0x00, 0x3F, "Jaguar"),
    (0x17, 0x00, 0x07, "Zen"),
    (0x17, 0x08, 0x08, "Zen+"),
    (0x17, 0x11, 0x11, "Zen"),
    (0x17, 0x18, 0x18, "Zen+"),
    (0x17, 0x20, 0x20, "Zen"),
    (0x17, 0x30, 0xAF, "Zen 2"),
    (0x19, 0x00, 0x0F, "Zen 3"),
    (0x19, 0x10, 0x1F, "Zen 4"),
    (0x19, 0x20, 0x2F, "Zen 3"),
    (0x19, 0x40, 0x4F, "Zen 3+"),
    (0x19, 0x50, 0x5F, "Zen 3"),
    (0x19, 0x60, 0x7F, "Zen 4"),
    (0x19, 0xA0, 0xAF, "Zen 4"),
    (0x1A, 0x00, 0x7F, "Zen 5"),
)


def design_of(
    vendor: str | None, family: int | None, model: int | None, instructions: Collection[str] = ()
) -> str | None:
    """`Zen 3` of `AuthenticAMD`, 25, 1; None where the numbers are in no list, or the design has not the `instructions` told."""
    if family is None or model is None:
        return None
    found = _of_numbers(vendor, family, model)
    lacks = any(name.startswith(begin) for begin, own in _HAVE.items() if found not in own for name in instructions)
    return None if lacks else found


def _of_numbers(vendor: str | None, family: int, model: int) -> str | None:
    if vendor == "GenuineIntel" and family == 6:
        return _INTEL.get(model)
    if vendor == "HygonGenuine" and family == 0x18:
        return "Dhyana"
    if vendor == "AuthenticAMD":
        return next((design for known, first, last, design in _AMD if known == family and first <= model <= last), None)
    return None
