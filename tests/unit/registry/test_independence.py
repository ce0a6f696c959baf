"""What words buy at a registry: nothing; and what one machine shows to the editor."""

from __future__ import annotations

from datetime import date

import pytest

from harness.errors import BadInput, RecordInvalid
from harness.registry.queries import cautions
from harness.registry.queries.active_policy import in_force
from harness.registry.queries.review import dossier
from harness.registry.queries.rows import score_row
from harness.tiers.values import UNKNOWN, Tier
from tests.support.registry_world import World, world

DAY = date(2026, 11, 24)
NAMES = ["GPU A", "GPU A OC", "GPU B", "GPU A rev 2", "GPU-A", "GPU A 24 GB"]


def tier(made: World, row: str) -> Tier | None:
    with made.registry.reading() as reader:
        return score_row(reader, row, in_force(reader).policy, DAY)[1].tier


def kinds(made: World, record: str) -> set[str]:
    with made.registry.reading() as reader:
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


def test_another_release_of_the_engine_is_a_distinct_class_by_what_the_engine_says(small):
    # As llama-cpp-python 0.3.36, 0.3.30, 0.3.33 and 0.3.25 tell it; the second and the third are of one series.
    row = small.accepted("ann", version="ggml 0.25.3")
    small.accepted("bob", row, version="ggml 0.15.1")
    small.accepted("cat", row, version="ggml 0.15.3")
    assert tier(small, row) is Tier.MODERATE
    small.accepted("dan", row, version="ggml 0.13.1")
    assert tier(small, row) is Tier.HIGH


def test_a_release_makes_others_old_once_two_persons_have_run_it(small):
    row = small.accepted("ann", version="ggml 0.15.1")
    for handle, behind in (("bob", 0), ("cat", 1)):
        small.accepted(handle, version="ggml 0.25.3", sku=f"Synthetic GPU {handle.upper()}")
        with small.registry.reading() as reader:
            found, _ = score_row(reader, row, in_force(reader).policy, DAY)
        assert found.hub.series_behind == behind


@pytest.mark.parametrize("system", ["linux", "Linux 2", "L", "Plan 9"])
def test_a_system_of_no_list_is_unknown(small, system):
    assert small.record("ann", os=system).measured.measurement.hardware.os_family == UNKNOWN


def test_one_persons_series_makes_nobody_old(small):
    row = small.accepted("ann", version="0.3")
    for version in ("8.1", "9.1"):
        small.accepted("eve", version=version, sku=f"Synthetic GPU {'BC'[version == '9.1']}")
    with small.registry.reading() as reader:
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


def test_a_caution_that_lists_not_all_says_how_many_more_there_are(small, monkeypatch):
    monkeypatch.setattr(cautions, "MOST_NAMED", 1)
    monkeypatch.setattr(cautions, "MOST_COMPARED", 1)
    row = small.accepted("alice")
    for name in ("alise", "alicf"):
        small.join(name)
    found = small.record("alice-b", sku="Synthetic GPU B")
    small.submit(found, row)
    with small.registry.reading() as reader:
        said = {remark.kind: remark.text for remark in dossier(reader, found.id).remarks}
        (nearly,) = cautions._alike(reader, "alice")
    assert said["not-all-compared"] == "the machines of its newest 1 records were compared, those of 1 more were not"
    assert (nearly.text.endswith(" and 1 more"), len(nearly.operators)) == (True, 3)


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


def test_records_against_a_withdrawn_row_are_shown_to_its_next(small):
    row = small.accepted("ann", rate=100.0)
    small.accepted("bob", row, rate=60.0)
    small.act(small.actor("ann"), "record-withdrawn", row, reason="never mind")
    again = small.record("ann", rate=99.0)
    small.submit(again)
    assert "earlier-row" in kinds(small, again.id)


def test_an_act_that_was_put_aside_counts_no_more(small):
    """An approval that was signed before a rejection, brought after it."""
    from harness.registry.actions import acts

    found = small.record("ann")
    small.submit(found)
    with small.registry.reading() as reader:
        stale = acts.event(reader, small.editor(), "record-approved", found.id, reason="looks good")
    small.act(small.editor(), "record-rejected", found.id, reason="it does not")
    with pytest.raises(BadInput, match="was signed before what entry"):
        small.raw(stale, *small.editor().keys)
    assert small.status(found.id) == "rejected"


@pytest.mark.parametrize("reason", ["\u200b\u200b", " \u2060 ", "\u3164", "\u2800 \u2800", "\n\t"])
def test_a_reason_must_say_something(small, reason):
    found = small.record("ann")
    small.submit(found)
    with pytest.raises(BadInput):
        small.approve(found.id, reason=reason)


def test_one_key_is_not_an_editors_and_an_operators(small):
    from harness.record.envelope import key_id
    from harness.registry.actions import acts
    from tests.support.registry_world import key, text

    editor = key("ed")
    with pytest.raises(BadInput, match="the key is an editor's or the registry's"):
        acts.join(small.registry, acts.Actor("eddy", (editor,)), text(editor), key_id(key("later").public_key()))


@pytest.mark.parametrize("size", [None, 1, 0, -5, "600000000"])
def test_a_record_without_plausible_bytes_a_token_is_incomplete(small, size):
    model = {
        "name": "synthetic-1b", "family": "synthetic-1b", "quantisation": "Q4_K_M", "sha256": "a" * 64, "parameters": 1_000_000_000,
    }  # fmt: skip
    more = {"model": model if size is None else {**model, "bytes_per_token": size}}
    assert "bytes a token reads" in small.record("ann", more=more).measured.measurement.missing


@pytest.mark.parametrize("kind", ["gpu", "cuda", "GPU", "igpu", "something"])
def test_a_device_of_any_kind_needs_driver_and_thermal_state(small, kind):
    from harness.demo import records
    from tests.support.registry_world import REAL

    runtime = records._runtime(REAL)
    device = runtime.devices[0].model_copy(update={"kind": kind})
    more = {"runtime": runtime.model_copy(update={"devices": (device,)}), "derived": {}, "environment": {"host": {}}}
    missing = small.record("ann", more=more).measured.measurement.missing
    assert {"driver", "thermal state"} <= set(missing)


def test_an_unlisted_device_is_shown_to_the_editor(small):
    found = small.record("ann", sku="GeForce RTX 4090 OC", rate=50_000.0)
    small.submit(found)
    assert "unlisted-device" in kinds(small, found.id)
