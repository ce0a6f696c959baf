"""What words buy at a registry: nothing; and what one machine shows to the editor."""

from __future__ import annotations

from datetime import date

import pytest

from harness.errors import BadInput, RecordInvalid
from harness.hub.force import in_force
from harness.hub.review import dossier
from harness.hub.rows import score_row
from harness.tiers.values import UNKNOWN, Tier
from tests.hub_world import World, world

DAY = date(2026, 11, 24)
NAMES = ["GPU A", "GPU A OC", "GPU B", "GPU A rev 2", "GPU-A", "GPU A 24 GB"]


def tier(made: World, row: str) -> Tier | None:
    with made.hub.reading() as reader:
        return score_row(reader, row, in_force(reader).policy, DAY)[1].tier


def kinds(made: World, record: str) -> set[str]:
    with made.hub.reading() as reader:
        return {remark.kind for remark in dossier(reader, record).remarks}


@pytest.mark.parametrize(
    "name",
    ["GPU A\ufe0f", "GPU\u034f A", "GPU A\u3164", "GPU A\u2800", "GPU  A", "GPU A ", "GPU \u0410", "GPU \uff21", "GPU\u00ad A"],
)  # fmt: skip
@pytest.mark.parametrize("field", ["model", "quantisation"])
def test_a_name_that_hides_or_imitates_is_refused(small, field, name):
    with pytest.raises(RecordInvalid, match=r"its (model_name|quantisation) (has|is|mixes)"):
        small.record("ann", **{field: name})


@pytest.mark.parametrize("name", ["GPU A\ufe0f", "GPU A\u3164", "GPU \u0410", "GPU  A"])
def test_such_a_device_is_unlisted_without_its_name(small, name):
    assert small.record("ann", sku=name).measured.measurement.hardware.sku == "unlisted GPU ×1"


def test_unlisted_devices_make_no_row_high(small):
    row = small.accepted("ann", sku="GPU A")
    for number, name in enumerate(NAMES):
        small.accepted(f"op{number}", row, sku=f"{name} x")
    assert tier(small, row) is Tier.MODERATE


@pytest.mark.parametrize("version", ["0.03", "00.3", "v9 0.3", "0.\u0663", "\uff10.3", "0.3 patched", "9"])
def test_a_version_in_other_digits_is_unknown(small, version):
    assert small.record("ann", version=version).measured.measurement.hardware.runtime_series == UNKNOWN


def test_versions_in_other_digits_make_no_row_high(small):
    row = small.accepted("ann", version="0.3")
    for number, version in enumerate(["0.03", "00.3", "v9 0.3", "0.3 b", "0.3.x"]):
        small.accepted(f"op{number}", row, version=version)
    assert tier(small, row) is Tier.MODERATE


@pytest.mark.parametrize("system", ["linux", "Linux 2", "L", "Plan 9"])
def test_a_system_of_no_list_is_unknown(small, system):
    assert small.record("ann", os=system).measured.measurement.hardware.os_family == UNKNOWN


def test_one_persons_series_makes_nobody_old(small):
    row = small.accepted("ann", version="0.3")
    for version in ("8.1", "9.1"):
        small.accepted("eve", version=version, sku=f"Synthetic GPU {'BC'[version == '9.1']}")
    with small.hub.reading() as reader:
        found, _ = score_row(reader, row, in_force(reader).policy, DAY)
    assert found.hub.series_behind == 0


@pytest.mark.parametrize(
    "handle", ["admin", "editor", "anonymous", "index", "page-2", "con", "nul", "ed-", "a-", "a--b"]
)
def test_reserved_handles_can_not_join(small, handle):
    with pytest.raises(BadInput, match=r"reserved|ends with a sign"):
        small.join(handle)


@pytest.mark.parametrize(
    ("first", "second"), [("bill", "bi11"), ("bob", "b0b"), ("bernie", "bemie"), ("ann-a", "anna")]
)
def test_a_handle_that_looks_like_another_can_not_join(small, first, second):
    small.join(first)
    with pytest.raises(BadInput, match=f"{second} looks like {first}"):
        small.join(second)


def test_a_handle_that_looks_like_an_editors_can_not_join(small):
    with pytest.raises(BadInput, match="e_d looks like ed"):
        small.join("e_d")


def test_nearly_equal_handles_are_shown(small):
    row = small.accepted("alice")
    found = small.record("alise")
    small.submit(found, row)
    assert "nearly-equal-handles" in kinds(small, found.id)


def test_operators_of_one_day_whom_nobody_verified_are_shown(small):
    row = small.accepted("ann")
    for number, letter in enumerate("BCD"):
        found = small.record(f"op{number}", sku=f"Synthetic GPU {letter}")
        small.submit(found, row)
        small.approve(found.id)
    last = small.record("dave", sku="Synthetic GPU E")
    small.submit(last, row)
    assert {"joined-together", "none-verified"} <= kinds(small, last.id)


def test_a_record_whose_own_device_has_a_row_goes_there(small):
    fast, own = small.accepted("ann", rate=200.0), small.accepted("bob", sku="Synthetic GPU B", rate=100.0)
    red = small.record("cat", sku="Synthetic GPU B", rate=199.0)
    with pytest.raises(BadInput, match="its own device has a row"):
        small.submit(red, fast)
    small.submit(red, own)


def test_after_a_rejection_a_triple_has_one_open_row(small):
    first = small.accepted("ann")
    small.act(small.editor(), "record-rejected", first, reason="look again")
    second = small.accepted("bob", rate=101.0)
    with pytest.raises(BadInput, match="another row of the same model, device, engine and workload is open"):
        small.approve(first)
    small.act(small.editor(), "record-rejected", second, reason="a mistake")
    small.approve(first)


def test_a_hub_must_be_precise_where_the_policy_says_so(place):
    made = world(place, policy="network-v3")
    wide = made.record("ann", scatter=0.2)
    made.submit(wide)
    assert "imprecise" in kinds(made, wide.id)
    with pytest.raises(BadInput, match="a hub must be known to"):
        made.approve(wide.id)
    narrow = made.record("bob", sku="Synthetic GPU B")
    made.submit(narrow)
    made.approve(narrow.id)
    noisy = made.record("cat", sku="Synthetic GPU B", scatter=0.2)
    made.submit(noisy, narrow.id)
    made.approve(noisy.id)  # a reproduction may be wide: it is inconclusive, and hides nothing
