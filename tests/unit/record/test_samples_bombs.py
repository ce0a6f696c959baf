"""Small files that ask for much: their sizes are known before anything is decoded, and what the decoder dies of is theirs alone."""

import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from harness.errors import RecordInvalid
from harness.record import decode_process, samples
from harness.record.decode_child import PAGE_BYTES_LIMIT, ROWS_LIMIT, TEXT_BYTES_LIMIT, VALUES_LIMIT
from harness.record.parquet_pages import measure
from tests.support import parquet_bombs as bombs

TOKENS, WORKLOAD, INVALID, COUNTER_KEYS = 8, 2, 15, 11  # places of columns
PEAK = """
import resource, sys
from hashlib import sha256
from pathlib import Path
from pathlib import Path
from harness.errors import ReproError
from harness.record import samples
from harness.verify.trials import trials_of
data = Path(sys.argv[1]).read_bytes()
try:
    print(len(trials_of(samples.decode(data, sha256(data).hexdigest(), "x"), "x")))
except ReproError as error:
    print(error)
from harness.record import decode_process
decode_process.stop()
# Not getrusage of oneself: it knows what pytest took before it started this.
print(next(int(line.split()[1]) >> 10 for line in open("/proc/self/status") if line.startswith("VmHWM")))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
"""


def decode(data):
    return samples.decode(data, sha256(data).hexdigest(), "here")


def peaks(path):
    """What became of the file, and the peaks of the process and of its child, MiB."""
    done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
    *words, own, child = done.stdout.splitlines()
    return " ".join(words), int(own), int(child)


def refused(data, words):
    with pytest.raises(RecordInvalid, match=words) as caught:
        decode(data)
    assert "\n" not in str(caught.value)
    assert len(decode(bombs.written())["process"]) == 4, "the next file is read as ever"


def stamps(count):
    """300 million of them are as small: a repeated page."""
    return pa.array([[1] * count], pa.list_(pa.int64()))


@pytest.mark.parametrize("told", [10, 2_000_000, None])
def test_300_million_equal_stamps_are_counted_before_they_are_decoded(tmp_path, told):
    data = bombs.with_pages_repeated(bombs.written(1, {"token_ns": stamps(2_000_000)}), TOKENS, 150, told)
    assert len(data) < 100_000
    refused(data, "another count than its pages|values, over the limits")
    (tmp_path / "bomb").write_bytes(data)
    words, own, child = peaks(tmp_path / "bomb")
    assert "limits" in words or "another count" in words
    assert own <= 300
    assert child <= 300


def test_more_values_than_samples_may_have_are_refused_by_their_number():
    refused(bombs.written(1, {"token_ns": stamps(VALUES_LIMIT + 1)}), r"\d+ values, over the limits")


def test_a_footer_that_tells_of_fewer_rows_than_there_are_is_refused():
    data = bombs.written(40)
    found, _ = bombs.footer(data)
    found[3] = (6, 2)
    found[4][1][1][0][3] = (6, 2)
    refused(bombs.with_footer(data, found), "another count than its pages")


def test_more_rows_than_a_run_can_have_are_refused():
    refused(bombs.written(ROWS_LIMIT + 1), f"{ROWS_LIMIT + 1} rows, over the limits")


@pytest.mark.parametrize("name", ["workload", "invalid_reason", "purpose"])
def test_a_long_text_that_many_rows_share_is_counted_for_each(tmp_path, name):
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), ["x" * (TEXT_BYTES_LIMIT >> 4)])
    data = bombs.written(1000, {name: text.cast(pa.string())})
    assert len(data) < 100_000
    refused(data, "texts of .* bytes, over the limits")
    (tmp_path / "bomb").write_bytes(data)
    assert max(peaks(tmp_path / "bomb")[1:]) <= 300


def test_a_long_text_as_the_key_of_a_counter_is_counted_too():
    keys = [[("k" * 300_000, 1)]] * 100
    refused(bombs.written(100, {"counters": pa.array(keys, samples.schema().field("counters").type)}), "texts of")


def test_a_page_that_decompresses_to_more_than_the_limit_is_refused():
    text = pa.array(["y" * (PAGE_BYTES_LIMIT + 1)])
    refused(bombs.written(1, {"workload": text}, use_dictionary=False), "bytes, over the limits")


@pytest.mark.parametrize("which", [2, 3])
@pytest.mark.parametrize("column", [0, TOKENS, COUNTER_KEYS])
def test_level_histograms_that_do_not_fit_are_their_files_fault_alone(which, column):
    data = bombs.written()
    found, _ = bombs.footer(data)
    own = bombs.chunk(found, column)[16][1]
    own[which] = (9, (6, [*own[which][1][1], 1, 1, 1]))
    refused(bombs.with_footer(data, found), "it makes the decoder fail")


def test_what_aborts_the_decoder_in_a_process_of_its_own_is_an_abort():
    # Where this fails, Arrow has learnt to refuse such files, and the test above shows nothing any more.
    data = bombs.written()
    found, _ = bombs.footer(data)
    bombs.chunk(found, TOKENS)[16][1][2] = (9, (6, [1] * 9))
    program = "import sys, pyarrow as pa, pyarrow.parquet as pq; f = pq.ParquetFile(pa.BufferReader(sys.stdin.buffer.read())); "
    program += "f.metadata.row_group(0).column(8)"
    done = subprocess.run([sys.executable, "-c", program], input=bombs.with_footer(data, found), capture_output=True)
    assert done.returncode == -signal.SIGABRT


@pytest.mark.parametrize("encoding", ["DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"])
def test_encodings_that_no_record_uses_are_refused(encoding):
    data = bombs.written(4, use_dictionary=False, column_encoding={"start_ns": encoding})
    refused(data, "an encoding that samples do not use")


def test_a_delta_encoded_text_is_refused():
    data = bombs.written(4, use_dictionary=False, column_encoding={"workload": "DELTA_BYTE_ARRAY"})
    refused(data, "an encoding that samples do not use")


@pytest.mark.parametrize("options", [
    {"compression": "none"}, {"compression": "snappy"}, {"use_dictionary": False}, {"data_page_version": "2.0"},
    {"row_group_size": 1}, {"write_statistics": False}, {"data_page_size": 16}, {"version": "1.0"},
])  # fmt: skip
def test_files_of_other_sound_shapes_hold_the_same(options):
    plain, other = decode(bombs.written()), decode(bombs.written(**options))
    assert [np.asarray(v).tolist() for v in plain["token_ns"]] == [np.asarray(v).tolist() for v in other["token_ns"]]
    for name in ("process", "workload", "counters", "engine", "start_ns", "invalid_reason"):
        assert plain[name] == other[name]


def test_nulls_come_back_as_none():
    data = samples.encode({field.name: [None, None] for field in samples.schema()})
    assert decode(data)["process"] == [None, None]
    data = bombs.written(1, {"counters": [("a", None)], "token_ns": [1, None]})
    assert decode(data)["counters"] == [[("a", None)]]
    assert list(decode(data)["token_ns"][0]) == [1, None]


def test_a_file_without_rows_has_no_trials():
    assert decode(bombs.written(0))["token_ns"] == []


def test_at_every_limit_at_once_the_peak_stays_below_300_mib(tmp_path):
    draw = np.random.default_rng(1)
    values = (VALUES_LIMIT - 16 * 4000) // 3
    many = pa.array(draw.integers(0, 2**62, values))
    edges = np.linspace(0, values, 4001).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(edges), many)
    data = bombs.written(4000, {"token_ns": lists, "step_ns": lists, "output_ids": lists})
    found, start = bombs.footer(data)
    text = bombs.to_bytes(found)
    data = data[:start] + b"\0" * ((64 << 20) - len(data)) + text + len(text).to_bytes(4, "little") + b"PAR1"
    (tmp_path / "large").write_bytes(data)
    words, own, child = peaks(tmp_path / "large")
    assert words == "4000"
    assert own <= 300
    assert child <= 300


@pytest.mark.parametrize("size", [0, 8, 11, 12, 13])
def test_garbage_of_any_length_is_refused(size):
    refused(b"PAR1" * 5 if size == 13 else b"\xff" * size, "can't be read as Parquet")


def test_every_changed_byte_is_refused_or_read_and_nothing_else():
    data = bytearray(bombs.written())
    for place in range(0, len(data), 7):
        changed = bytes(data[:place]) + bytes([data[place] ^ 0x55]) + bytes(data[place + 1 :])
        try:
            decode(changed)
        except RecordInvalid as error:
            assert "\n" not in str(error)


def test_a_footer_over_the_limit_is_refused():
    refused(
        b"PAR1" + b"\0" * (2 << 20) + (2 << 20).to_bytes(4, "little") + b"PAR1", "has no footer, or one over the limit"
    )


def test_a_column_outside_the_file_or_in_a_loop_is_refused():
    data = bombs.written()
    for number, value in ((7, 1 << 40), (11, 1 << 40), (7, 3), (7, -1)):
        found, _ = bombs.footer(data)
        bombs.chunk(found, TOKENS)[number] = (6, value)
        refused(bombs.with_footer(data, found), "can't be read as Parquet")
    with pytest.raises(ValueError, match="nested too deeply"):
        measure(b"\x1c" * 100, 0, 100)


def test_a_server_that_hangs_or_died_is_no_files_fault(monkeypatch):
    decode(bombs.written())
    held = decode_process._held[0]
    monkeypatch.setattr(decode_process, "FORK_LIMIT", 0.3)
    held.drop()
    os.kill(held.process.pid, signal.SIGSTOP)
    assert len(decode(bombs.written())["process"]) == 4
    assert held.process.poll() is not None


def test_a_decoder_that_died_between_two_files_is_started_again():
    decode(bombs.written())
    held = decode_process._held[0].process
    held.kill()
    held.wait()
    assert len(decode(bombs.written())["process"]) == 4


def test_a_forked_process_has_a_decoder_of_its_own():
    decode(bombs.written())
    child = os.fork()
    if child == 0:
        good = len(decode(bombs.written(3))["process"]) == 3
        decode_process.stop()
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(decode(bombs.written())["process"]) == 4


@pytest.mark.parametrize("forked", [False, True])
def test_a_process_that_decoded_ends_in_silence_and_its_decoder_with_it(forked):
    program = """
import os, sys
from harness.record import decode_process
from tests.support import parquet_bombs as bombs
decode_process.columns(bombs.written(), "here")
print(decode_process._held[0].process.pid, flush=True)
if len(sys.argv) > 1 and os.fork():
    os.wait()
    assert len(decode_process.columns(bombs.written(), "here")["process"]) == 4
"""
    command = [sys.executable, "-X", "dev", "-c", program, *["fork"] * forked]
    told = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    assert told.stderr == ""
    assert not Path(f"/proc/{told.stdout.strip()}").exists()
