"""The three lines of a record: what was measured, whether to trust it, what to do next."""

from dataclasses import replace

import pytest

from harness.record import store
from harness.record.schema import Check, Finding
from harness.verify.gist import Trust, gist, to_act_on
from harness.verify.reading import Checked, Verified, check
from tests.support.program import REAL, signed
from tests.support.report_records import made, unsigned


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return {name: check(store.read(place)) for name, place in made(tmp_path_factory.mktemp("records")).items()}


def having(checked: Checked, **changes) -> Checked:
    stored = replace(checked.stored, record=checked.stored.record.model_copy(update=changes))
    return replace(checked, stored=stored)


def finding(code: str, severity: str) -> Finding:
    return Finding(code=code, severity=severity, workload="decode-16", metric="", text="x", evidence={})


def test_a_whole_record_is_usable_and_says_how_precise_it_is(records):
    told = gist(records["whole"], "results/a b")
    assert told.subject == "synthetic-1b (Q4_K_M) with llama.cpp 0.3.36 on Synthetic"
    assert told.trust is Trust.YES
    assert told.why == "decode is known to ± 0.3 % from 5 processes; 9 checks passed; signed by ann"
    assert told.lines[2] == "Next: hold it against another (repro compare 'results/a b' OTHER), or submit it"


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("false", "INVALID, signature: "),
        ("synthetic", "SYNTHETIC, made by a simulated runtime, not a measurement"),
        ("failed", "the run failed, so there is no number; signed by ann"),
    ],
)
def test_what_must_not_be_used_says_why(records, kind, why):
    told = gist(records[kind])
    assert told.trust is Trust.NO
    assert told.why.startswith(why)


def test_a_failed_check_makes_a_record_unusable(records):
    failed = Check(code="counting", status="fail", text="x", evidence={})
    told = gist(having(records["whole"], checks=(failed,)))
    assert (told.trust, told.why) == (Trust.NO, "FAILED CHECKS: counting; do not use this number")
    assert "repro show --all RECORD" in told.next


def test_a_warning_asks_for_care_and_for_what_the_finding_advises(records):
    told = gist(having(records["whole"], findings=(finding("imprecise", "warning"), finding("outliers", "note"))))
    assert told.trust is Trust.CARE
    assert told.why.startswith(
        "imprecise, decode is known to ± 0.3 % from 5 processes; look at imprecise; signed by ann"
    )
    assert told.next == "run again with a larger --budget on a quieter machine (imprecise)"


def test_a_cause_is_told_before_its_effects(records):
    codes = ("not_settled", "unstable", "imprecise", "few_processes", "background_load")
    told = gist(having(records["whole"], findings=tuple(finding(code, "warning") for code in codes)))
    assert "look at background_load, not_settled, unstable and 2 more" in told.why
    assert told.next == "stop the other work (`repro doctor` helps to find it), and measure again (background_load)"


def test_notes_are_folded_unless_they_ask_for_something(records):
    found = (finding("outliers", "note"), finding("gpu_unused", "note"), finding("drift", "warning"))
    assert [one.code for one in to_act_on(having(records["whole"], findings=found).stored.record)] == [
        "gpu_unused",
        "drift",
    ]


def test_one_process_is_too_few_for_an_interval(tmp_path):
    told = gist(check(store.read(signed(tmp_path / "one", setup=replace(REAL, processes=1)))))
    assert "(no interval)" in told.rates
    assert "1 process is too few for an interval" in told.why


def test_an_unsigned_record_is_told_to_be_one(tmp_path):
    found = check(store.read(unsigned(signed(tmp_path / "one"))))
    assert found.verified is Verified.NOT_CHECKED
    told = gist(found)
    assert told.trust is Trust.YES
    assert "not signed; its numbers follow from its samples" in told.why
    assert told.next.startswith("sign it (repro sign RECORD)")


def test_an_unsigned_record_of_a_failed_run_claims_no_numbers(tmp_path):
    place = unsigned(made(tmp_path)["failed"])
    assert gist(check(store.read(place))).why == (
        "the run failed, so there is no number; not signed; its samples are empty, as they must be"
    )
