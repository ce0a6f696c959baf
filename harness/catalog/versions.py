"""Versions of runtimes by one grammar: ASCII, canonical numbers, or *unknown*. A series is major and minor. Pure."""

from __future__ import annotations

import re

_NUMBER = r"(?:0|[1-9][0-9]{0,5})"
# 0.25.3, 2.9.0+cu128, 1.0rc2, 0.11.1.dev5+g0123abc; and b6123, the builds of llama.cpp. No leading zeros, no other digits.
_RELEASE = re.compile(
    rf"(?:ggml )?v?({_NUMBER})\.({_NUMBER})(?:\.{_NUMBER}){{0,3}}"
    rf"(?:[.-]?(?:a|b|rc|post|dev){_NUMBER})?(?:[+-][A-Za-z0-9.-]{{1,64}})?"
)
_BUILD = re.compile(rf"b({_NUMBER})(?:-[0-9a-f]{{7,40}})?")
_THOUSAND = 1000  # builds of one series: some months of llama.cpp


def series_of(version: str) -> str | None:
    """The series of a version: `0.25` of `0.25.3`, `b6` of `b6123`. None for what the grammar does not know."""
    release = _RELEASE.fullmatch(version)
    if release is not None:
        return f"{release[1]}.{release[2]}"
    build = _BUILD.fullmatch(version)
    return None if build is None else f"b{int(build[1]) // _THOUSAND}"


def order_of(series: str) -> tuple[int, ...] | None:
    """What a series is sorted by, the newest last; None for what `series_of` does not give."""
    numbers = re.fullmatch(rf"b?({_NUMBER})(?:\.({_NUMBER}))?", series)
    return None if numbers is None else tuple(int(number) for number in numbers.groups() if number is not None)
