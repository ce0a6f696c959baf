"""Tables of a registry."""

from __future__ import annotations

from datetime import date

import pytest

import harness.registry
from harness.errors import BadInput
from harness.registry.exchange import files


def test_rows_records_and_tiers_are_tables(small, tmp_path):
    row = small.accepted("ann")
    small.accepted("bob", rate=101.0)
    small.submit(small.record("cat", sku="Synthetic GPU B"))
    rows = harness.registry.frame(small.registry, "rows", as_of=date(2026, 11, 24)).set_index("row")
    assert (rows.loc[row, "state"], rows.loc[row, "tier"], rows.loc[row, "records"]) == ("reproduced", "moderate", 2)
    records = harness.registry.frame(small.registry, "records").set_index("operator")
    assert records.loc["bob", "decode_rate"] == pytest.approx(101.0, rel=0.02)
    assert set(records["status"]) == {"accepted", "pending"}
    tiers = harness.registry.frame(small.registry, "tiers")
    assert sorted(zip(tiers["state"], tiers["tier"], tiers["rows"], strict=True)) == [
        ("queued", "", 1),
        ("reproduced", "moderate", 1),
    ]
    files.export(small.registry, tmp_path / "out", lambda _done, _of: None)
    again = harness.registry.frame(tmp_path / "out", "rows", as_of=date(2026, 11, 24)).set_index("row")
    assert again.equals(rows)


def test_another_word_is_refused(small):
    with pytest.raises(BadInput, match="is no table of a registry"):
        harness.registry.frame(small.registry, "columns")


def test_an_empty_registry_gives_empty_tables(small):
    for what in ("rows", "records", "tiers"):
        assert harness.registry.frame(small.registry, what).empty
