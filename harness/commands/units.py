"""How numbers are shown: one place for units and digits."""

from __future__ import annotations

from harness.record.schema import Unit


def quantity(value: int | None, unit: Unit) -> str:
    """A stored integer for people: `84.7 tok/s`, `11.43 ms`, `357.6 MiB`."""
    if value is None:
        return "–"
    match unit:
        case "micro_tokens_per_s":
            return f"{significant(value / 1e6)} tok/s"
        case "ns":
            return f"{significant(value / 1e9)} s" if value >= 10_000_000_000 else f"{significant(value / 1e6)} ms"
        case "bytes":
            return memory(value)


def bare(value: int) -> str:
    """A rate in tokens/s or a time in ms without its unit: both are stored in millionths of it."""
    return significant(value / 1e6)


def significant(value: float, digits: int = 4) -> str:
    """`value` with `digits` significant digits, never in powers of ten."""
    if value == 0:
        return "0"
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    return f"{value:,.{max(digits - whole, 0)}f}"


def memory(value: int) -> str:
    """Bytes in MiB or GiB."""
    return f"{value / 2**30:.1f} GiB" if value >= 10 * 2**30 else f"{significant(value / 2**20)} MiB"


def percent(ppm: int | None) -> str:
    """Parts per million as a percentage."""
    return "–" if ppm is None else f"{ppm / 1e4:.2f} %"


def half_width(ppm: int | None) -> str:
    """The half-width of an interval."""
    return "" if ppm is None else f"± {ppm / 1e4:.1f} %"
