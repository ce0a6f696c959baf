"""One grammar for versions: the same version in other digits or with other words is unknown, not another one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.catalog.versions import order_of, series_of

KNOWN = {
    "0.25.3": "0.25",
    "v0.25.3": "0.25",
    "0.3": "0.3",
    "ggml 0.25.3": "0.25",
    "2.9.0+cu128": "2.9",
    "2.9.0a0+git1234567": "2.9",
    "0.11.1rc2.dev5": None,
    "0.11.1.dev5+g0123abc": "0.11",
    "1.0rc2": "1.0",
    "0.6.3.post1": "0.6",
    "b6123": "b6",
    "b6123-0123abc": "b6",
}
UNKNOWN = [
    "0.03", "00.3", "v9 0.3", "0.3 ", " 0.3", "٠.٣", "０.３", "0.3\u200b", "0.3\ufe0f", "0·3", "0,3", "1", "", "latest", "main",
    "0.3.36 (patched)", "ggml  0.3", "GGML 0.3", "ggml ggml 0.3", "0.3\n", "+0.3", "-0.3", "0.3.4.5.6.7", "1" * 9 + ".0", "b06123", "B6123", "0x3.1",
]  # fmt: skip


@pytest.mark.parametrize(("version", "series"), KNOWN.items())
def test_a_version_of_the_grammar_has_its_series(version, series):
    assert series_of(version) == series


@pytest.mark.parametrize("version", UNKNOWN)
def test_any_other_text_is_unknown(version):
    assert series_of(version) is None


@given(st.text(max_size=12))
def test_a_series_is_canonical_whatever_is_read(text):
    found = series_of(text)
    if found is not None:
        assert found.isascii()
        assert order_of(found) is not None
        assert ".".join(str(n) for n in order_of(found)) == found.removeprefix("b")


def test_series_are_ordered_by_number():
    assert order_of("0.9") < order_of("0.25") < order_of("1.0")
    assert order_of("b5") < order_of("b12")
    assert order_of("llama.cpp 0.3") is None
