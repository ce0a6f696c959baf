"""How numbers are shown: one place for units and digits."""

from __future__ import annotations

import re

from harness.measure.plural import count as count
from harness.record.schema import Unit

MOST_TOLD_PPM = 10_000_000


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
    """The half-width of an interval; beyond ten times the number itself its digits say nothing."""
    if ppm is None:
        return ""
    return "± > 1,000 %" if ppm > MOST_TOLD_PPM else f"± {ppm / 1e4:.1f} %"


def rate(value: float) -> str:
    """Tokens/s with their unit."""
    return f"{significant(value)} tok/s"


def duration(ns: float) -> str:
    """Nanoseconds as s, ms or µs, whichever reads best."""
    if ns >= 1e9:
        return f"{significant(ns / 1e9)} s"
    return f"{significant(ns / 1e6)} ms" if ns >= 1e5 else f"{significant(ns / 1e3)} µs"


def ratio(value: float) -> str:
    """Of one number to another: three digits after the point."""
    return f"{value:.3f}"


def interval(low: float | None, high: float | None) -> str:
    """Of a ratio: `0.962 to 1.014`; "no interval" where there is none."""
    return "no interval" if low is None or high is None else f"{ratio(low)} to {ratio(high)}"


def whole(value: int) -> str:
    """A count alone: `1,204`."""
    return f"{value:,}"


def share(fraction: float) -> str:
    """Of a whole: `5 %`, `99 %`."""
    return f"{fraction * 100:.3g} %"


def short(shown: str) -> str:
    """A shown number without the zeros that end its digits: `11.00 ms` is `11 ms`. For the ticks of an axis."""
    return re.sub(r"(?<=\d)(\.\d*?)0+(?!\d)", lambda found: found[1].rstrip("."), shown)


def plain(value: float) -> str:
    """A number without unit and without idle zeros: `16`, `0.5`."""
    return short(significant(value))
