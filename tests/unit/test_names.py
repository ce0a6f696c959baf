"""One spelling a name: what looks the same is the same, or refused."""

from __future__ import annotations

import pytest

from harness.names import flaw

GOOD = [
    "GPU A",
    "NVIDIA GeForce RTX 4090",
    "gemma-3-270m-q4_k_m",
    "通义千问",
    "テスト 4B",
    "모델-7b",
    "Модель",
    "Zoë (2)",
    "",
]
BAD = {
    "variation selector": "GPU A\ufe0f",
    "grapheme joiner": "GPU\u034f A",
    "Hangul filler": "GPU A\u3164",
    "half-width filler": "GPU A\uffa0",
    "Braille blank": "GPU A\u2800",
    "zero width space": "GPU\u200b A",
    "soft hyphen": "GPU\u00ad A",
    "right-to-left override": "GPU \u202eA",
    "tag": "GPU A\U000e0041",
    "no-break space": "GPU\u00a0A",
    "line separator": "GPU\u2028A",
    "new line": "GPU\nA",
    "escape": "\x1b[8mGPU",
    "double space": "GPU  A",
    "space behind": "GPU A ",
    "space before": " GPU A",
    "Cyrillic letter": "GPU А",
    "Greek letter": "GPU Α",
    "full-width letter": "GPU Ａ",
    "mathematical letter": "GPU 𝐀",
    "ligature": "ﬁne",
    "decomposed": "e\u0301tude",
    "private use": "GPU \ue000",
    "Mongolian selector": "GPU\u180b A",
}


@pytest.mark.parametrize("name", GOOD)
def test_an_honest_name_stands(name):
    assert flaw(name) is None


@pytest.mark.parametrize("case", BAD)
def test_a_name_that_hides_or_imitates_is_refused(case):
    assert flaw(BAD[case])
