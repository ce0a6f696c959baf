"""Records on disk: whole or not there, read strictly, refused when touched."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import harness
from harness import files
from harness.errors import BadInput, NotEnoughSpace, RecordInvalid
from harness.record import canonical, samples, store
from harness.record.schema import Record
from harness.record.statement import payload_of, record_of
from harness.verify.recompute import verify

ROOT = Path(harness.__file__).parent.parent


@pytest.fixture
def stored(simulated_record):
    return store.read(simulated_record)


def rewrite(stored, tmp_path, change):
    """A copy whose predicate `change` has edited, canonical again: what a forger with our code would write."""
    value = json.loads(stored.payload)
    change(value)
    folder = tmp_path / "copy"
    folder.mkdir()
    (folder / store.RECORD_FILE).write_bytes(canonical.canonical(value))
    (folder / store.SAMPLES_FILE).write_bytes(stored.samples())
    return folder


def test_a_record_is_read_back_with_its_id(stored):
    assert stored.id == canonical.digest(stored.payload)
    assert stored.record.run.synthetic
    assert verify(stored) > 500


def test_the_payload_is_canonical_and_holds_integers_only(stored):
    assert canonical.canonical(json.loads(stored.payload)) == stored.payload
    assert b"." in stored.payload  # texts may have points
    json.loads(stored.payload, parse_float=lambda text: pytest.fail(f"a float: {text}"))


def test_the_published_schema_is_that_of_the_code_and_the_record_obeys_it(stored):
    published = json.loads((ROOT / "docs" / "schema" / "record-v1.json").read_text())
    assert {k: v for k, v in published.items() if k[0] != "$" or k == "$defs"} == Record.model_json_schema()
    jsonschema.validate(json.loads(stored.payload)["predicate"], published)


def test_a_run_that_completed_says_so_and_can_not_be_turned_into_a_failure(stored, tmp_path):
    outcome = stored.record.outcome
    assert (outcome.status, outcome.reason, outcome.stage, outcome.error, outcome.loaded) == (
        "completed",
        None,
        None,
        "",
        True,
    )
    assert stored.record.failure is None
    folder = rewrite(
        stored,
        tmp_path,
        lambda value: value["predicate"]["outcome"].update(status="failed", reason="timed_out", stage="measured"),
    )
    with pytest.raises(RecordInvalid, match="it failed, and holds what only a completed run has: processes, results"):
        store.read(folder)


@pytest.mark.parametrize("name", ["processes", "results"])
def test_a_completed_record_without_its_numbers_is_refused(stored, tmp_path, name):
    folder = rewrite(stored, tmp_path, lambda value: value["predicate"].update({name: []}))
    with pytest.raises(RecordInvalid, match=f"it completed, and lacks {name}"):
        store.read(folder)


def test_no_byte_can_be_changed_unseen(stored, tmp_path):
    (tmp_path / store.SAMPLES_FILE).write_bytes(stored.samples())
    step = max(1, len(stored.payload) // 400)
    for place in range(0, len(stored.payload), step):
        data = bytearray(stored.payload)
        data[place] ^= 1
        (tmp_path / store.RECORD_FILE).write_bytes(bytes(data))
        try:
            changed = store.read(tmp_path)
        except (RecordInvalid, BadInput):
            continue
        # Still a record: then it is another one, and the id says so.
        assert changed.id != stored.id


def test_a_changed_number_does_not_follow_from_the_samples(stored, tmp_path):
    def faster(value):
        value["predicate"]["results"][2]["metrics"][0]["estimate"]["point"] += 1

    with pytest.raises(RecordInvalid, match=r"results\[2\]\.metrics\[0\]\.estimate\.point"):
        verify(store.read(rewrite(stored, tmp_path, faster)))


def test_samples_of_another_run_are_refused(stored, tmp_path):
    folder = rewrite(stored, tmp_path, lambda value: None)
    (folder / store.SAMPLES_FILE).write_bytes(stored.samples() + b"\0")
    with pytest.raises(RecordInvalid, match="not those of the record"):
        verify(store.read(folder))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v["predicate"].update(schema_version="2.0"), r"holds record schema 2.0, this harness reads 1.x"),
        (lambda v: v.update(predicateType="urn:other"), "holds record schema 1.6|urn:other"),
        (lambda v: v.update(_type="x"), "is not an in-toto statement"),
        (lambda v: v["predicate"].pop("runtime"), "runtime: Field required"),
        (lambda v: v["predicate"]["run"].update(seed="7"), "run.seed: Input should be a valid integer"),
        (lambda v: v.update(subject=[]), "does not bind the samples"),
        (lambda v: v.update(subject="x"), "has no proper subjects"),
    ],
)
def test_a_foreign_record_is_refused_in_one_line(stored, tmp_path, change, words):
    folder = rewrite(stored, tmp_path, change)
    with pytest.raises(RecordInvalid, match=words) as caught:
        store.read(folder)
    assert "\n" not in str(caught.value)


def test_fields_of_a_newer_minor_version_are_kept(stored, tmp_path):
    def newer(value):
        value["predicate"]["schema_version"] = "1.7"
        value["predicate"]["mood"] = {"colour": 3}
        value["predicate"]["results"][0]["mood"] = 4

    again = store.read(rewrite(stored, tmp_path, newer))
    subjects = [(s["name"], s["digest"]["sha256"]) for s in json.loads(again.payload)["subject"]]
    assert payload_of(again.record, subjects) == again.payload
    assert verify(again) > 500


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1.5}', b'{"a":1e3}', b'{"a":NaN}', b'{"a":Infinity}', b'{"a":1,"a":2}', b'{"a":9007199254740993}',
        b'{"\xc3\xa4":1}', b"[" * 60 + b"]" * 60, b'{"a": 1}', b"\xff\xfe", b"", b"nope", b'{"b":1,"a":2}',
    ],
)  # fmt: skip
def test_ambiguous_json_is_refused(text):
    with pytest.raises(RecordInvalid):
        canonical.parse(text, "x")


def test_floats_can_not_be_written():
    with pytest.raises(RecordInvalid, match="is not an integer"):
        canonical.canonical({"a": 0.5})


def test_samples_with_other_columns_or_garbage_are_refused(stored):
    from hashlib import sha256

    import pyarrow as pa
    import pyarrow.parquet as pq

    for data in (b"PAR1" + b"\0" * 50 + b"PAR1", b"", b"hello"):
        with pytest.raises(RecordInvalid):
            samples.decode(data, sha256(data).hexdigest(), "x")
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": [1]}), sink)
    data = sink.getvalue().to_pybytes()
    with pytest.raises(RecordInvalid, match="columns"):
        samples.decode(data, sha256(data).hexdigest(), "x")


def test_samples_are_written_and_read_without_another_thread():
    # Arrow's pool threads that outlive the work abort the interpreter at exit, now and then: there must be none.
    program = """
import os
from hashlib import sha256
from harness.record import samples
import pyarrow.parquet
before = len(os.listdir("/proc/self/task"))
data = samples.encode({f.name: [None] * 9 for f in samples.schema()})
samples.decode(data, sha256(data).hexdigest(), "here")
print(len(os.listdir("/proc/self/task")) - before)
"""
    if not Path("/proc/self/task").is_dir():
        pytest.skip("threads are counted in /proc")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, NotEnoughSpace), (errno.EIO, BadInput)])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_disk_leaves_nothing_half_written(tmp_path, monkeypatch, number, kind, call):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, call, fail)
    with pytest.raises(kind):
        store.write(tmp_path / "results", "name", b"{}", b"samples")
    assert not any((tmp_path / "results").iterdir())


def test_a_results_folder_that_is_a_file_is_refused_before_measuring(tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(BadInput, match="can't be written"):
        store.writable(tmp_path / "results")


def test_a_missing_record_is_named(tmp_path):
    with pytest.raises(BadInput, match="there is no record"):
        store.read(tmp_path / "none")
    with pytest.raises(BadInput, match="there is no record below it"):
        store.find([tmp_path])


def test_a_record_that_is_named_in_several_ways_is_one(stored, tmp_path):
    folder = stored.path.parent
    (tmp_path / "link").symlink_to(folder)
    found = store.find([folder, stored.path, folder.parent, tmp_path / "link", folder / ".." / folder.name])
    assert [one.id for one in found].count(stored.id) == 1
    assert found[0].path == stored.path


def test_records_become_a_frame(stored):
    frame = harness.load_records(stored.path.parent)
    assert {"decode_rate", "prefill_rate", "itl", "load_time", "peak_rss"} <= set(frame["metric"])
    row = frame[(frame.workload == "decode-128") & (frame.metric == "decode_rate")].iloc[0]
    assert row.unit == "tokens/s"
    assert row.ci95_low <= row.point <= row.ci95_high
    assert record_of(stored.payload, "x")[1] == row.record
