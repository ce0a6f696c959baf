"""Whoever reads a record checks it: what is false is refused, or shown as false, by every command that reads one."""

import json
import shutil

import pandas as pd
import pytest

import harness
from harness.catalog import suites
from harness.errors import BadInput
from harness.record import store
from tests.support.program import Program, copied, edited, faster, resigned, signed


@pytest.fixture
def repro(capfd):
    return Program(capfd)


@pytest.fixture
def good(tmp_path):
    return signed(tmp_path / "good")


def edited_number(folder):
    edited(folder, faster)


def edited_number_and_signed_again(folder):
    resigned(edited(folder, faster))


def foreign_envelope(folder):
    other = signed(folder.parent / "foreign", "bob")
    (folder / store.ENVELOPE_FILE).write_bytes((other / store.ENVELOPE_FILE).read_bytes())


def signed_by_somebody_else(folder):
    resigned(folder, "bob")


def another_handle(folder):
    edited(folder, lambda predicate: predicate["operator"].update(handle="eve"))


def envelope_taken_away(folder):
    (folder / store.ENVELOPE_FILE).unlink()


def envelope_of_garbage(folder):
    (folder / store.ENVELOPE_FILE).write_bytes(b"{" * 5000)


def operator_taken_out(folder):
    edited(folder, lambda predicate: predicate.update(operator=None))


def edited_samples(folder):
    other = signed(folder.parent / "others-samples", "bob")
    (folder / store.SAMPLES_FILE).write_bytes((other / store.SAMPLES_FILE).read_bytes() + b"x")


def truncated_samples(folder):
    file = folder / store.SAMPLES_FILE
    file.write_bytes(file.read_bytes()[:-50])


def samples_that_are_a_folder(folder):
    (folder / store.SAMPLES_FILE).unlink()
    (folder / store.SAMPLES_FILE).mkdir()


def longer_outputs_than_the_samples_have(folder):
    def longer(predicate):
        predicate["workloads"][0]["output_tokens"] += 1

    resigned(edited(folder, longer))


def other_work_under_the_suites_digest(folder):
    resigned(edited(folder, lambda predicate: predicate["suite"].update(sha256=suites.load("quick").sha256)))


SIGNATURE = [edited_number, foreign_envelope, signed_by_somebody_else, another_handle, envelope_taken_away,
             envelope_of_garbage, operator_taken_out]  # fmt: skip
SAMPLES = [edited_number_and_signed_again, edited_samples, truncated_samples, samples_that_are_a_folder, longer_outputs_than_the_samples_have,
           other_work_under_the_suites_digest]  # fmt: skip


@pytest.fixture(params=SIGNATURE + SAMPLES, ids=lambda damage: damage.__name__)
def bad(request, good, tmp_path):
    folder = copied(good, tmp_path / "bad")
    request.param(folder)
    return folder, "signature" if request.param in SIGNATURE else "samples"


def test_show_says_on_top_what_is_false_and_does_not_exit_with_0(repro, bad):
    folder, part = bad
    done = repro("show", folder)
    assert done.code == 1
    assert done.out.startswith(f"{part}: INVALID (")
    assert "signed by" not in done.out
    found = repro("show", folder, "--json")
    assert found.code == 1
    told = json.loads(found.out)
    assert told["verified"] == "no"
    assert told["verified_reason"]


def test_who_computes_with_a_record_refuses_a_false_one_wherever_it_stands(repro, good, bad):
    folder, part = bad
    for arguments in (
        ("compare", folder, good),
        ("compare", good, folder),
        ("compare", good, good, folder),
        ("compare", good, folder, "--json"),
        ("agree", good, folder),
        ("agree", folder, good),
        ("score", folder),
        ("score", good, folder),
        ("verify", folder),
        ("bench", "--against", folder, "--runtime", "simulated"),
    ):
        done = repro(*arguments)
        assert done.refusal
        assert done.out == "", arguments
        if arguments[0] != "verify":
            assert f"does not hold: {part}: " in done.refusal, arguments


def test_sign_puts_no_name_under_a_record_that_verify_would_refuse(repro, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("REPRO_PASSPHRASE", "")
    folder = signed(tmp_path / "unsigned")
    (folder / store.ENVELOPE_FILE).unlink()
    edited(folder, lambda predicate: predicate.update(operator=None))
    edited(folder, lambda predicate: predicate["suite"].update(timed_trials=99))
    assert repro("keys", "new", "--handle", "ann").code == 0
    before = (folder / store.RECORD_FILE).read_bytes()
    assert "its timed trials are not those of its plan" in repro("sign", folder).refusal
    assert (folder / store.RECORD_FILE).read_bytes() == before
    assert not (folder / store.ENVELOPE_FILE).exists()


def test_recompute_refuses_a_false_one(repro, bad):
    assert repro("recompute", bad[0]).refusal


def test_tables_mark_a_false_one(repro, good, bad):
    folder, _ = bad
    frame = harness.load_records(good, folder)
    assert set(frame[frame["folder"] == "bad"]["verified"]) == {"no"}
    assert set(frame[frame["folder"] == "good"]["verified"]) == {"yes"}
    assert frame[frame["folder"] == "bad"]["verified_reason"].str.len().min() > 5
    done = repro("export", good, folder)
    assert done.code == 0
    assert "bad: INVALID: " in done.err
    assert done.err.count("INVALID") == 1
    listed = json.loads(repro("runs", folder.parent, "--json").out)
    assert {one["verified"] for one in listed if one["folder"] == str(folder)} == {"no"}
    assert "INVALID: " in repro("runs", folder.parent).out


@pytest.fixture
def folder_with_garbage(good, tmp_path):
    """A folder of a good record and two that can't be read."""
    folder = tmp_path / "several"
    copied(good, folder / "b-good")
    for name, text in (("a-torn", '{"_type": "ht'), ("c-other", '{"name": "another tool"}')):
        (folder / name).mkdir()
        (folder / name / store.RECORD_FILE).write_text(text)
    return folder


def test_what_a_folder_holds_and_can_not_be_read_is_named_and_the_others_are_taken(
    repro, folder_with_garbage, tmp_path
):
    page = tmp_path / "page.html"
    for arguments in (("report", folder_with_garbage, "--out", page), ("export", folder_with_garbage)):
        done = repro(*arguments)
        assert done.code == 0, done.err
        assert [line for name in ("a-torn", "c-other") for line in done.err.splitlines() if name in line]
        assert len([line for line in done.err.splitlines() if "verifying" not in line]) == 2
    assert b"decode" in page.read_bytes()
    unread = []
    assert set(harness.load_records(folder_with_garbage, unread=unread)["folder"]) == {"b-good"}
    assert len(unread) == 2


def test_what_is_named_itself_or_leaves_nothing_is_refused(repro, good, folder_with_garbage, tmp_path):
    torn = folder_with_garbage / "a-torn"
    for arguments in ((torn,), (good, torn), (good, torn / store.RECORD_FILE)):
        assert "a-torn" in repro("report", *arguments, "--out", tmp_path / "page.html").refusal
        assert "a-torn" in repro("export", *arguments).refusal
    shutil.rmtree(folder_with_garbage / "b-good")
    assert "a-torn" in repro("report", folder_with_garbage, "--out", tmp_path / "page.html").refusal
    with pytest.raises(BadInput):
        harness.load_records(folder_with_garbage)


def test_a_good_one_is_shown_with_its_signer_and_compared(repro, good):
    shown = repro("show", good)
    assert shown.code == 0
    assert "signed by ann" in shown.out
    assert json.loads(repro("show", good, "--json").out)["verified"] == "yes"
    done = repro("compare", good, good)
    assert done.code == 0
    assert done.out.count("signed by ann") == 2
    assert json.loads(repro("compare", good, good, "--json").out)["verified"]["a"]["verified"] == "yes"


def unsigned(folder):
    envelope_taken_away(folder)
    edited(folder, lambda predicate: predicate.update(operator=None))


def no_samples(folder):
    (folder / store.SAMPLES_FILE).unlink()


@pytest.mark.parametrize(
    ("change", "words"), [(unsigned, "not signed; its numbers follow"), (no_samples, "its samples are not there")]
)
def test_what_could_not_be_checked_is_used_and_said(repro, good, tmp_path, change, words):
    folder = copied(good, tmp_path / "other")
    change(folder)
    for arguments in (("show", folder), ("compare", folder, good), ("agree", good, folder), ("score", good, folder),
                      ("compare", good, good, folder)):  # fmt: skip
        done = repro(*arguments)
        assert done.code == 0, (arguments, done.err)
        assert "not checked" in done.out, arguments
        assert words in done.out, arguments
    assert set(harness.load_records(folder)["verified"]) == {"not checked"}
    assert json.loads(repro("show", folder, "--json").out)["verified"] == "not checked"


def test_an_unsigned_record_with_an_edited_number_is_false_all_the_same(repro, good, tmp_path):
    folder = copied(good, tmp_path / "other")
    unsigned(folder)
    edited(folder, faster)
    assert repro("show", folder).out.startswith("samples: INVALID (")
    assert "does not hold: samples" in repro("compare", folder, good).refusal
    assert set(harness.load_records(folder)["verified"]) == {"no"}


def test_nothing_is_verified_where_that_was_not_asked_for(bad):
    frame = harness.load_records(bad[0], check=False)
    assert set(frame["verified"]) == {"not checked"}


# A record that says of itself that its number is not to be used


@pytest.fixture
def failing(tmp_path):
    from dataclasses import replace

    from tests.support.program import REAL

    return signed(tmp_path / "failing", setup=replace(REAL, failed=("physics_decode", "made_up")))


def test_failed_checks_stand_above_the_number_and_end_show_with_4(repro, failing):
    done = repro("show", failing)
    assert done.code == 4
    lines = done.out.splitlines()
    assert lines[0] == "FAILED CHECKS: physics_decode, made_up; do not use this number"
    assert any("decode 1" in line for line in lines[1:])


@pytest.mark.parametrize("order", ["ab", "ba", "aab"])
def test_a_record_with_failed_checks_is_not_compared(repro, good, failing, order):
    places = {"a": good, "b": failing}
    done = repro("compare", *(places[letter] for letter in order))
    assert done.code == 0
    assert "FAILED CHECKS: " in done.out
    assert "not comparable" in done.out
    assert f"{'ABC'[order.index('b')]}: failed checks: made_up, physics_decode" in done.out


def test_programs_are_told_of_failed_checks(repro, good, failing):
    found = json.loads(repro("compare", good, failing, "--json").out)
    assert {row["comparison"]["verdict"] for row in found["rows"]} == {"not_comparable"}
    assert found["rows"][0]["comparison"]["ratio"] is None
    assert set(harness.load_records(failing)["failed_checks"]) == {"made_up physics_decode"}
    assert "physics_decode FAILED" in repro("runs", failing.parent).out


def test_an_invalid_finding_bars_its_own_workload_and_metric_only(good, failing):
    from harness.compare.records import compare_records

    record = store.read(good).record
    finding = {"code": "no_pace", "severity": "invalid", "workload": "decode-16", "text": "", "evidence": {}}

    def verdicts(metric):
        made = record.model_validate(record.model_dump() | {"findings": [finding | {"metric": metric}]}, strict=False)
        rows = compare_records(made, record, (0.9, 1.1)).rows
        return {row.metric for row in rows if row.comparison.reason.startswith("A: invalid: no_pace")}

    assert verdicts("decode_rate") == {"decode_rate"}
    assert verdicts("") == {row.metric for row in compare_records(record, record, (0.9, 1.1)).rows}


def test_what_differs_is_told_of_a_number_that_is_not_to_be_used_too(good, failing):
    from harness.compare.records import compare_records

    a, b = store.read(good).record, store.read(failing).record
    other = a.model_copy(update={"workloads": tuple(one.model_copy(update={"depth": 9}) for one in a.workloads)})
    reasons = {row.comparison.reason for row in compare_records(other, b, (0.9, 1.1)).rows}
    assert reasons == {"differs in depth; B: failed checks: made_up, physics_decode"}


@pytest.mark.parametrize(
    "change",
    [
        lambda predicate: predicate["results"][0].update(workload="another"),
        lambda predicate: predicate["suite"].update(headline="another"),
        lambda predicate: predicate.update(model={}),
        lambda predicate: predicate.update(derived={"telemetry": 5, "energy_per_token": [], "peak_device_memory": "x"}),
        lambda predicate: predicate.update(environment={"host": 3, "gpu": {"nvidia": 5}}),
        lambda predicate: predicate.update(results=[], workloads=[]),
    ],
)
def test_a_signed_record_of_odd_parts_ends_no_command_with_a_traceback(repro, good, tmp_path, change):
    folder = resigned(edited(copied(good, tmp_path / "odd"), change))
    for command in ("show", "compare", "agree", "score", "export", "runs", "recompute", "verify"):
        for arguments in ((folder, good), (good, folder)) if command in ("compare", "agree", "score") else ((folder,),):
            done = repro(command, *arguments)
            assert done.code in (0, 1, 2)
            assert done.code != 2 or done.refusal


# The door for CI


def test_fail_if_slower_ends_with_1_on_a_proven_slowdown_only(repro, good, tmp_path):
    from dataclasses import replace

    from tests.support.program import REAL

    slow = signed(tmp_path / "slow", "bob", replace(REAL, rate=80.0))
    assert repro("compare", slow, good, "--fail-if-slower").code == 1
    assert repro("compare", slow, good).code == 0
    assert repro("compare", good, slow, "--fail-if-slower").code == 0
    assert repro("compare", good, good, "--fail-if-slower", "--json").code == 0
    assert repro("compare", good, good, slow, "--fail-if-slower").code == 1


def test_fail_if_slower_does_not_pass_what_can_not_be_compared(repro, good, failing):
    assert "nothing can be compared" in repro("compare", failing, good, "--fail-if-slower").refusal


# From Python


def test_the_registry_s_tables_and_lists_of_paths_work_from_import_harness(good):
    import subprocess
    import sys

    program = "import harness; print(harness.registry.rows.__name__, 'registry' in dir(harness))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["rows", "True"]
    with pytest.raises(AttributeError, match="no attribute 'hubs'"):
        harness.hubs  # noqa: B018
    one = harness.load_records(good)
    for given in ([good], (str(good),), iter([good]), {good}, [[good], []]):
        pd.testing.assert_frame_equal(harness.load_records(given), one)
    pd.testing.assert_frame_equal(harness.load_records(good, [good.parent / "good"]), one)


@pytest.mark.parametrize("given", [(), ([],), (3,), (b"x",), ("nowhere",), (["nowhere"],), (None,)])
def test_no_path_and_a_missing_one_are_refused(given):
    with pytest.raises(harness.errors.BadInput):
        harness.load_records(*given)
