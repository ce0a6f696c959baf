"""Every fact that a type allows is read back as it was stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.registry import facts
from harness.registry.facts.stored import parse, same, stored
from tests.support.authenticator import Authenticator

DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
TEXTS = {
    facts.Utc: st.datetimes(datetime(2017, 1, 1), datetime(9999, 1, 1)).map(lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}"),
    facts.Day: st.dates(date(1000, 1, 1)).map(str),
    facts.Digest: DIGESTS,
    facts.PublicKey: DIGESTS,
    facts.EditorKey: DIGESTS
    | st.builds(
        lambda one, name: Authenticator(one, "example.org", name).key.text(), st.sampled_from([-7, -8]), st.text()
    ),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return TEXTS[hint]
    if origin in (Union, UnionType):
        return st.one_of(values(one) for one in inner)
    if origin is tuple:
        return st.lists(values(inner[0]), max_size=4).map(tuple)
    if origin is Mapping or (origin is not None and issubclass(origin, Mapping)):
        return st.dictionaries(st.text(), values(inner[1]), max_size=3)
    if hint is NoneType:
        return st.none()
    if hint is int:
        return st.integers(0, 2**53 - 1)
    if hint in (str, bool):
        return st.from_type(hint)
    return st.sampled_from(list(hint)) if issubclass(hint, StrEnum) else made(hint)


def made(kind: type[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{name: values(hint) for name, hint in hints.items() if name != "KIND"})


@pytest.mark.parametrize("kind", facts.KINDS)
def test_a_stored_fact_is_read_as_it_was(kind):
    @given(made(kind))
    def holds(fact):
        text = stored(fact)
        assert parse(kind, text, "name") == fact
        assert stored(parse(kind, text, "name")) == text
        assert same(text, fact)

    holds()


@given(made(facts.RecordFact), made(facts.RecordFact))
def test_two_facts_are_the_same_only_where_all_their_fields_are(one, other):
    assert same(stored(one), other) == (one == other)
