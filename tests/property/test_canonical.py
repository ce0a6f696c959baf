"""The fast writer that checks stored bytes is RFC 8785's for every value that a record may hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.record.canonical import _as_checked, canonical, parse

keys = st.text(st.characters(codec="ascii"), max_size=8)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=12),
)
values = st.recursive(
    leaves, lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(keys, inner, max_size=5))
)


@given(values)
def test_both_writers_give_the_same_bytes(value):
    assert _as_checked(value) == canonical(value)


@given(values)
def test_what_was_written_is_read(value):
    assert parse(canonical(value), "here") == value
