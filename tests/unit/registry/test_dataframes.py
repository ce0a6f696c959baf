"""Tables of a registry."""

from __future__ import annotations

from datetime import date

import pytest

import harness.registry
from harness.progress import SILENT
from harness.registry.exchange import files


def test_rows_records_and_tiers_are_tables(small, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    row = small.accepted("ann")
    small.accepted("bob", rate=101.0)
    small.submit(small.record("cat", sku="Synthetic GPU B"))
    rows = harness.registry.rows(small.registry, as_of=date(2026, 11, 24)).set_index("row")
    assert (rows.loc[row, "state"], rows.loc[row, "tier"], rows.loc[row, "records"]) == ("reproduced", "moderate", 2)
    records = harness.registry.records(small.registry).set_index("operator")
    assert records.loc["bob", "decode_tokens_per_s"] == pytest.approx(101.0, rel=0.02)
    assert set(records["status"]) == {"accepted", "pending"}
    tiers = harness.registry.tier_counts(small.registry)
    assert sorted(zip(tiers["state"], tiers["tier"], tiers["rows"], strict=True)) == [
        ("queued", "", 1),
        ("reproduced", "moderate", 1),
    ]
    files.export(small.registry, tmp_path / "out", SILENT)
    again = harness.registry.rows(tmp_path / "out", as_of=date(2026, 11, 24)).set_index("row")
    assert again.equals(rows)


def test_an_empty_registry_gives_empty_tables(small):
    for table in (harness.registry.rows, harness.registry.records, harness.registry.tier_counts):
        assert table(small.registry).empty
        assert "" not in table(small.registry).columns


def test_numbers_say_their_unit_and_flags_are_flags(small):
    small.accepted("ann")
    records, rows = harness.registry.records(small.registry), harness.registry.rows(small.registry)
    assert (records["editorial"].dtype, records["fixed_number"].dtype, rows["contested"].dtype) == (bool, bool, bool)
    assert (records.loc[0, "measured_on"], records.loc[0, "model_name"]) == ("2026-11-01", rows.loc[0, "model_name"])
    assert not {"idx", "measured", "medians", "log_mean", "decode_rate"} & set(records.columns)
