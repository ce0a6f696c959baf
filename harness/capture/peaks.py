"""An upper bound on what the processor can compute, for the physics check: generous on purpose, with its formula."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from harness.capture.cpu import Cpu

FASTEST_HZ = 6_500_000_000  # no processor on sale clocks higher; used where the maximum is not told

# flag → operations a core can start in one cycle in the type that quantised kernels use, and how they come about
_RATES = (
    ("amx_int8", 4096, "AMX int8: 16×16 results of 64 products every 16 cycles, 2 operations each, one tile unit"),
    ("avx512_vnni", 256, "AVX-512 VNNI: 2 ports × 64 int8 products × 2"),
    ("avx512f", 256, "AVX-512: 2 ports × 64 int8 products × 2"),
    ("avx_vnni", 128, "AVX-VNNI: 2 ports × 32 int8 products × 2"),
    ("avx2", 128, "AVX2: 2 ports × 32 int8 products × 2"),
    ("i8mm", 256, "int8 matrix multiply: 4 pipes × 32 products × 2"),
    ("asimddp", 128, "dot product: 4 pipes × 16 int8 products × 2"),
    ("asimd", 64, "NEON: 4 pipes × 8 int16 products × 2"),
    ("neon", 64, "NEON: 4 pipes × 8 int16 products × 2"),
)


@dataclass(frozen=True, slots=True)
class Peak:
    """Operations a second at most, None where the instruction set is unknown; `formula` in words."""

    operations_per_s: int | None
    formula: str


def cpu_peak(cpu: Cpu, cores: int) -> Peak:
    """cores × highest clock × operations a cycle."""
    flags: Collection[str] = cpu.flags.value or ()
    for flag, rate, words in _RATES:
        if flag in flags:
            clock = cpu.max_hz.value or FASTEST_HZ
            told = "" if cpu.max_hz.known else ", no clock is told: the fastest on sale is assumed"
            return Peak(cores * clock * rate, f"{cores} cores × {clock / 1e9:.1f} GHz × {rate} ({words}){told}")
    return Peak(None, "the processor's instruction set is not known")
