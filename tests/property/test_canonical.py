"""The fast writer that checks stored bytes is RFC 8785's for every value that a record may hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RecordInvalid
from harness.record.canonical import _as_checked, _strictly, canonical, parse

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


def answer(read, payload):
    try:
        return repr(read(payload, "here"))
    except RecordInvalid as error:
        return str(error)


odd = st.sampled_from(
    (b"1.0", b"1e3", b"NaN", b"-0", b"9007199254740993", b'{"a":1,"a":1}', b'{"a":1,"a":2}', b'"\\ud800"', b'"\xed\xa0\x80"', b" ",
     b'{"b":1,"a":1}', b'"\\u0041"', b'{"\xc3\xa9":1}', b"[" * 34 + b"]" * 34, b"[" * 5000, b"\xef\xbb\xbf1", b"9" * 5000)
)  # fmt: skip


@given(values, odd, st.integers(0, 200), st.integers(0, 3))
def test_what_is_read_quickly_is_what_is_read_strictly(value, piece, at, cut):
    payload = canonical(value)
    for changed in (payload, piece, payload[:at] + piece + payload[at + cut :], b"[" + payload + b"," + piece + b"]"):
        assert answer(parse, changed) == answer(_strictly, changed)
